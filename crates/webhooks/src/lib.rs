//! Events told to addresses outside, in the profile of Standard Webhooks.
//!
//! It signs, and sends only to addresses that may be reached: the text of an address is looked at, its
//! name is resolved by us, every place that it leads to is looked at, and the connection goes to those
//! places and no others. No redirect is followed, no proxy is asked, nothing is repeated. Which events
//! there are, to whom they go and what was delivered is kept by the services. By the same guarded way authorities
//! are asked whether they took a certificate back ([`HttpFetcher`]).

mod courier;
mod fetch;
mod guard;
mod networks;
mod signing;

pub use courier::{CourierError, HttpCourier, Resolver, SystemResolver};
pub use fetch::HttpFetcher;
pub use networks::{Network, NetworkError, Networks};
pub use signing::{SigningError, signatures};
