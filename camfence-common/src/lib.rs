//! What kernel and userspace share.
#![no_std]
