//! The table: what is asked, which kernels can, and where that is from.
//!
//! "No driver support": the device's `net_device_ops` have no `ndo_bpf`.

use anyhow::Result;
use nix::errno::Errno::{EEXIST, EINVAL, EMSGSIZE, EOPNOTSUPP, ERANGE};

use crate::{
    Answer::{Always, Never, Since},
    Question::{BothModes, Clsact, Jumbo, LoadFrags, LongTestRun, Tcx, Xdp},
    bpf::{
        Frags::{With, Without},
        Mode::{Generic, Native},
    },
    check,
    device::Device::{Bond, Bridge, BridgePort, Dummy, Loopback, Veth, Vlan, VlanOfBridge},
};

/// Makes each line of the table a test.
macro_rules! table {
    ($($name:ident: $question:expr, $answer:expr, $source:expr;)+) => {
        $(#[test]
        fn $name() -> Result<()> {
            check($question, $answer, $source)
        })+
    };
}

const VETH_XDP: &str = "commit 948d4f214fde, 4.19";
const GENERIC_XDP: &str = "commit d445516966dc, for every device";
const NO_NDO_BPF: &str = "no driver support, 7.2 included";
const BOND_XDP: &str = "commit 9e2ee5c7e7c3, 5.15";
const TCX: &str = "commit e420bed02507, 6.6; before, no such attach type";
const CLSACT: &str = "commit 1f211a1b929c, 4.5";
const FRAGS: &str = "commit c2f2cdbeffda, 5.18; before, no such flag";

table! {
    xdp_in_the_driver_of_a_veth: Xdp(Native, Veth), Always, VETH_XDP;
    xdp_in_the_driver_of_a_bridge_port: Xdp(Native, BridgePort), Always, VETH_XDP;
    xdp_in_the_driver_of_a_bridge: Xdp(Native, Bridge), Never(EOPNOTSUPP), NO_NDO_BPF;
    xdp_in_the_driver_of_a_vlan: Xdp(Native, Vlan), Never(EOPNOTSUPP), NO_NDO_BPF;
    xdp_in_the_driver_of_a_vlan_of_a_bridge:
        Xdp(Native, VlanOfBridge), Never(EOPNOTSUPP), NO_NDO_BPF;
    xdp_in_the_driver_of_a_dummy: Xdp(Native, Dummy), Never(EOPNOTSUPP), NO_NDO_BPF;
    xdp_in_the_driver_of_the_loopback: Xdp(Native, Loopback), Never(EOPNOTSUPP), NO_NDO_BPF;
    xdp_in_the_driver_of_a_bond: Xdp(Native, Bond), Since(5, 15, EOPNOTSUPP), BOND_XDP;

    generic_xdp_on_a_veth: Xdp(Generic, Veth), Always, GENERIC_XDP;
    generic_xdp_on_a_bridge_port: Xdp(Generic, BridgePort), Always, GENERIC_XDP;
    generic_xdp_on_a_bridge: Xdp(Generic, Bridge), Always, GENERIC_XDP;
    generic_xdp_on_a_vlan: Xdp(Generic, Vlan), Always, GENERIC_XDP;
    generic_xdp_on_a_vlan_of_a_bridge: Xdp(Generic, VlanOfBridge), Always, GENERIC_XDP;
    generic_xdp_on_a_dummy: Xdp(Generic, Dummy), Always, GENERIC_XDP;
    generic_xdp_on_the_loopback: Xdp(Generic, Loopback), Always, GENERIC_XDP;
    generic_xdp_on_a_bond: Xdp(Generic, Bond), Always, GENERIC_XDP;
    both_modes_of_xdp_at_once:
        BothModes(Veth), Never(EEXIST), "dev_xdp_attach: native and generic exclude each other";

    tcx_on_a_veth: Tcx(Veth), Since(6, 6, EINVAL), TCX;
    tcx_on_a_bridge_port: Tcx(BridgePort), Since(6, 6, EINVAL), TCX;
    tcx_on_a_bridge: Tcx(Bridge), Since(6, 6, EINVAL), TCX;
    tcx_on_a_vlan: Tcx(Vlan), Since(6, 6, EINVAL), TCX;
    tcx_on_a_vlan_of_a_bridge: Tcx(VlanOfBridge), Since(6, 6, EINVAL), TCX;
    tcx_on_a_dummy: Tcx(Dummy), Since(6, 6, EINVAL), TCX;
    tcx_on_the_loopback: Tcx(Loopback), Since(6, 6, EINVAL), TCX;
    tcx_on_a_bond: Tcx(Bond), Since(6, 6, EINVAL), TCX;

    clsact_on_a_veth: Clsact(Veth), Always, CLSACT;
    clsact_on_a_bridge_port: Clsact(BridgePort), Always, CLSACT;
    clsact_on_a_bridge: Clsact(Bridge), Always, CLSACT;
    clsact_on_a_vlan: Clsact(Vlan), Always, CLSACT;
    clsact_on_a_vlan_of_a_bridge: Clsact(VlanOfBridge), Always, CLSACT;
    clsact_on_a_dummy: Clsact(Dummy), Always, CLSACT;
    clsact_on_the_loopback: Clsact(Loopback), Always, CLSACT;
    clsact_on_a_bond: Clsact(Bond), Always, CLSACT;

    xdp_that_takes_frames_in_several_buffers: LoadFrags, Since(5, 18, EINVAL), FRAGS;
    xdp_with_frags_where_a_frame_is_longer_than_a_page:
        Jumbo(Veth, With), Since(5, 18, EINVAL), FRAGS;
    xdp_without_frags_where_a_frame_is_longer_than_a_page:
        Jumbo(Veth, Without), Never(ERANGE), "veth_xdp_set: the peer's MTU is too large";
    a_test_run_of_a_frame_longer_than_a_page:
        LongTestRun, Since(5, 18, EMSGSIZE), "commit 1c1949982524, 5.18";
}
