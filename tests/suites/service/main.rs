//! `camfence run` as a service: what it may do, what it tells the service manager, its unit and its
//! package.

mod notify;
mod package;
mod privileges;
mod storage;
mod unit;
