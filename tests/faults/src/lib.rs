//! Misbehaving servers and clients, one name a fault.
