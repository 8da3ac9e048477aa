//! Tower layers that fail with a named reason.
