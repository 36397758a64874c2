//! camfence's userspace.
