//! The page of `camfence run`: in a real Chromium, and to clients that are no browser.

mod changes;
mod fixture;
mod forged;
mod http;
mod looks;
mod numbers;
mod token;
