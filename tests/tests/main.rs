//! The promises of flux-airlock, over every file there is.

#![forbid(unsafe_code)]

mod closures;
mod corpus;
mod cost;
mod fixtures;
mod generations;
mod genuine;
mod limits;
mod museum;
mod mutations;
mod oracle;
mod regress;
mod report;
mod runs;
mod support;
mod twins;
mod types;
mod written;
