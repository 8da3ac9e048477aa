//! Whose request it is.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use http::Request;

use crate::hop::Client;

/// Who a request is from, as far as the server above us knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// By its certificate.
    Identity(Arc<str>),
    /// By the address that it connects from; of IPv6 the network, since each client has all of a /64.
    Address(IpAddr),
}

/// What a quota is for: a function `Fn(&Request<B>) -> Option<impl Hash>`, or [`ByCaller`].
pub trait Key<B> {
    /// One of those that have a quota each.
    type Key: Hash;

    /// Whose quota the request is taken from; none for `None`.
    fn of(&self, request: &Request<B>) -> Option<Self::Key>;
}

impl<B, F, K> Key<B> for F
where
    F: Fn(&Request<B>) -> Option<K>,
    K: Hash,
{
    type Key = K;

    fn of(&self, request: &Request<B>) -> Option<K> {
        self(request)
    }
}

/// A quota for each caller, as the [`Client`] in the request's extensions has it; none without one.
///
/// No field of the request is looked at: `X-Forwarded-For` is whatever a caller says.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByCaller;

impl<B> Key<B> for ByCaller {
    type Key = Caller;

    fn of(&self, request: &Request<B>) -> Option<Caller> {
        let client = request.extensions().get::<Arc<Client>>()?;
        match client.identity() {
            Some(identity) => Some(Caller::Identity(identity.clone())),
            None => client.addr().map(|addr| Caller::Address(network(addr.ip()))),
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !(u64::MAX as u128);
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by(client: Client) -> Option<Caller> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Arc::new(client));
        ByCaller.of(&request)
    }

    fn at(address: &str) -> Client {
        Client::new(Some(format!("{address}:1").parse().unwrap()), false)
    }

    #[test]
    fn an_identity_counts_for_more_than_an_address() {
        let client = at("192.0.2.1").with_identity("spiffe://shop/cart".into());
        assert_eq!(
            asked_by(client),
            Some(Caller::Identity("spiffe://shop/cart".into()))
        );
    }

    #[test]
    fn addresses_that_one_client_may_have_are_one() {
        assert_ne!(asked_by(at("192.0.2.1")), asked_by(at("192.0.2.2")));
        assert_eq!(asked_by(at("192.0.2.1")), asked_by(at("[::ffff:192.0.2.1]")));
        assert_eq!(asked_by(at("[2001:db8::1]")), asked_by(at("[2001:db8::ffff:1]")));
        assert_ne!(asked_by(at("[2001:db8::1]")), asked_by(at("[2001:db8:0:1::1]")));
    }

    #[test]
    fn who_is_not_known_has_no_key() {
        assert_eq!(asked_by(Client::default()), None);
        assert_eq!(ByCaller.of(&Request::new(())), None);
    }
}
