//! Events told to addresses outside, in the profile of Standard Webhooks.
//!
//! It signs, and sends only to addresses that may be reached. Which events there are, to whom they
//! go and what was delivered is kept by the services.
