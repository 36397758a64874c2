//! camfence's frame builder and namespace lab.
