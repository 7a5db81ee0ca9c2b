//! The API over a real database in a folder, without a network.

mod declarations;
mod edge;
mod events;
mod limits;
mod support;
