//! `camfence discover` and `camfence init`, in a home with cameras, a phone and somebody hostile.

mod added;
mod first;
mod home;
mod hostile;
mod silent;
mod told;
