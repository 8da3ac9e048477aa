//! A copy of a request's head, kept while the original is on its way: for whoever may have to send it again.
//!
//! Almost always it is thrown away unread, so the fields are a list, not a map. One copy is enough for a request: who has
//! made one may leave it in the extensions for those below ([`Spare::lend`]), as long as none of them changes the head. The
//! body is kept elsewhere ([`Replay`](crate::retry::Replay)).

use std::sync::Arc;

use http::{Extensions, HeaderName, HeaderValue, Method, Request, Uri, Version};

/// A copy of a request's head. A clone is another handle to it.
#[derive(Clone, Debug)]
pub struct Spare(Arc<Head>);

#[derive(Debug)]
struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    fields: Vec<(HeaderName, HeaderValue)>,
    extensions: Extensions,
}

impl Spare {
    /// The head of this request, as it is now.
    pub fn of<B>(request: &Request<B>) -> Self {
        let fields = request.headers().iter();
        Self(Arc::new(Head {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            fields: fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            extensions: request.extensions().clone(),
        }))
    }

    /// Leaves it in the request that it was made of.
    pub fn lend<B>(&self, request: &mut Request<B>) {
        request.extensions_mut().insert(self.clone());
    }

    /// One that was left in the request, or else one of one's own.
    pub fn lent_or_of<B>(request: &Request<B>) -> Self {
        let lent = request.extensions().get::<Self>();
        lent.cloned().unwrap_or_else(|| Self::of(request))
    }

    /// The first field of this name.
    pub fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut fields = self.0.fields.iter();
        fields.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The same head before another body. Nothing is lent with it.
    pub fn request<B>(&self, body: B) -> Request<B> {
        let Head {
            method,
            uri,
            version,
            fields,
            extensions,
        } = &*self.0;
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.version_mut() = *version;
        *request.extensions_mut() = extensions.clone();
        for (name, value) in fields {
            request.headers_mut().append(name, value.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_is_the_same_head() {
        let mut secret = HeaderValue::from_static("a=b");
        secret.set_sensitive(true);
        let mut request = Request::put("/a?b")
            .version(Version::HTTP_2)
            .header("x-several", "one")
            .header("accept", "")
            .header("x-several", HeaderValue::from_bytes(b"t\two \xff").unwrap())
            .header("cookie", secret)
            .header("x-long", "v".repeat(70_000))
            .body(())
            .unwrap();
        request.extensions_mut().insert(7_u8);
        let again = Spare::of(&request).request(());
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
        assert!(again.headers()["cookie"].is_sensitive());
        assert!(!again.headers()["accept"].is_sensitive());
        assert_eq!(again.extensions().get(), Some(&7_u8));
    }

    #[test]
    fn what_was_lent_is_taken_as_it_was() {
        let mut request = Request::get("/a").header("a", "1").body(()).unwrap();
        Spare::of(&request).lend(&mut request);
        request.headers_mut().insert("b", HeaderValue::from_static("2"));
        let lent = Spare::lent_or_of(&request);
        assert_eq!(lent.field(&HeaderName::from_static("a")).unwrap(), "1");
        let lent = lent.request(());
        assert!(lent.headers().contains_key("a") && !lent.headers().contains_key("b"));
        // What is made of it changes: it lends nothing by itself.
        assert!(lent.extensions().get::<Spare>().is_none());
        let own = Spare::lent_or_of(&Request::get("/b").body(()).unwrap());
        assert_eq!(own.request(()).uri(), "/b");
    }

    #[test]
    fn a_head_without_fields_has_none_again() {
        assert!(Spare::of(&Request::new(())).request(()).headers().is_empty());
    }
}
