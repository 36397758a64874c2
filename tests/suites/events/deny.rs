//! The deny log.
