use super::{
    super::tests::{camera, fails, parse as config},
    *,
};

fn bound(addresses: &str) -> String {
    format!("{}addresses = {addresses}", camera("b0:c5:54:25:5b:0e", "x"))
}

#[test]
fn a_camera_is_bound_to_addresses_and_networks() {
    let text = bound(r#"["192.168.1.31", "10.0.0.0/8", "fd00::31", "2000::/3", "169.254.1.1"]"#);
    let addresses = &config(&text).unwrap().cameras[0].addresses;
    let printed: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let expected = ["192.168.1.31/32", "10.0.0.0/8", "fd00::31/128", "2000::/3", "169.254.1.1/32"];
    assert_eq!(printed, expected);
    assert!(config(&camera("b0:c5:54:25:5b:0e", "x")).unwrap().cameras[0].addresses.is_empty());
}

#[test]
fn what_no_camera_sends_from_is_refused() {
    for (entry, why, hint) in [
        ("", "is neither an address nor a network", "\"192.168.1.31\""),
        ("any", "is neither an address nor a network", "\"192.168.1.31\""),
        ("192.168.1.031", "is neither an address nor a network", "\"192.168.1.31\""),
        ("192.168.1.31/33", "is neither an address nor a network", "\"192.168.1.31\""),
        ("192.168.1.31/24", "has bits set beyond its length of 24", "write \"192.168.1.0/24\""),
        ("0.0.0.0", "is the unspecified address, which no camera sends from", "own"),
        ("::", "is the unspecified address, which no camera sends from", "own"),
        ("0.0.0.0/0", "contains the unspecified address, which no camera sends from", "own"),
        ("::/0", "contains the unspecified address, which no camera sends from", "own"),
        ("127.0.0.1", "is loopback, which no camera sends from", "own"),
        ("::1", "is loopback, which no camera sends from", "own"),
        ("224.0.0.251", "is multicast, which no camera sends from", "own"),
        ("239.0.0.0/8", "is multicast, which no camera sends from", "own"),
        ("ff02::fb", "is multicast, which no camera sends from", "own"),
        ("192.0.0.0/2", "contains multicast, which no camera sends from", "own"),
        ("255.255.255.255", "is the broadcast address, which no camera sends from", "own"),
    ] {
        let text = bound(&format!("[\n\"10.0.0.1\",\n\"{entry}\"]"));
        fails(&text, 6, &format!("\"{entry}\" {why}"), hint);
    }
}

#[test]
fn a_list_of_addresses_has_one_at_least() {
    fails(&bound("[]"), 4, "the list of addresses is empty", "remove the line");
}

#[test]
fn addresses_have_a_limit_per_family() {
    let list = |v4: usize, v6: usize| {
        let v4 = (0..v4).map(|n| format!("\"10.0.0.{n}\""));
        let v6 = (0..v6).map(|n| format!("\"fd00::{n}\""));
        bound(&format!("[\n{}]", v4.chain(v6).collect::<Vec<_>>().join(",\n")))
    };
    assert!(config(&list(MAX_BOUND, MAX_BOUND)).is_ok());
    let what = "\"10.0.0.4\" is one too many: a camera is bound to at most 4 IPv4 addresses";
    fails(&list(MAX_BOUND + 2, 1), 9, what, "networks");
    let what = "\"fd00::4\" is one too many: a camera is bound to at most 4 IPv6 addresses";
    fails(&list(1, MAX_BOUND + 2), 10, what, "networks");
}
