//! The fence on live interfaces: the same scenarios over every way to attach it.

mod attached;
mod changes;
mod fixture;
mod ledger;
mod load;
mod offload;
mod ports;
mod verdicts;
