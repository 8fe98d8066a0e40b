//! The promises of flux-airlock, over every file there is.

mod corpus;
mod fixtures;
mod genuine;
mod limits;
mod mutations;
mod oracle;
mod support;
mod twins;
