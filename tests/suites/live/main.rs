//! The fence on live interfaces: the same scenarios over every way to attach it.

mod attached;
mod audit;
mod captured;
mod changes;
mod fixture;
mod flows;
mod hints;
mod ledger;
mod load;
mod offload;
mod opened;
mod ports;
mod unknown;
mod verdicts;
mod wireshark;
