//! The generated gRPC services. REST is transcoded to them.

use std::sync::Arc;

use axum::Router;
use axum::routing::any_service;
use tonic::codec::CompressionEncoding::{Deflate, Gzip};

pub(super) use self::generated::iam::i_a_m_policy_server::{IAMPolicy, IAMPolicyServer};
pub(super) use self::generated::publisher::publisher_server::{Publisher, PublisherServer};
pub(super) use self::generated::schemas::schema_service_server::{
    SchemaService, SchemaServiceServer,
};
pub(super) use self::generated::subscriber::subscriber_server::{Subscriber, SubscriberServer};
use super::{MAX_BODY_BYTES, MAX_READ_BYTES};

/// *google.protobuf.Empty*, which prost has no struct for.
pub(super) type Empty = ();

/// All services.
pub(super) trait Api: Publisher + Subscriber + SchemaService + IAMPolicy {}

impl<S: Publisher + Subscriber + SchemaService + IAMPolicy> Api for S {}

#[expect(
    clippy::allow_attributes,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "generated code follows the generator's rules"
)]
mod generated {
    pub(super) mod iam {
        include!(concat!(env!("OUT_DIR"), "/google.iam.v1.IAMPolicy.rs"));
    }
    pub(super) mod publisher {
        include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.Publisher.rs"));
    }
    pub(super) mod schemas {
        include!(concat!(
            env!("OUT_DIR"),
            "/google.pubsub.v1.SchemaService.rs"
        ));
    }
    pub(super) mod subscriber {
        include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.Subscriber.rs"));
    }
}

/// Returns the services over gRPC by name. Clients may compress requests (Google, *Message compression*). A request that is
/// too large to be published is read to its end, so that it can be rejected as Google rejects it.
pub(super) fn routes<S: Api>(api: &Arc<S>) -> Router {
    let publisher = PublisherServer::from_arc(Arc::clone(api))
        .max_decoding_message_size(MAX_READ_BYTES)
        .accept_compressed(Gzip)
        .accept_compressed(Deflate);
    let subscriber = SubscriberServer::from_arc(Arc::clone(api))
        .max_decoding_message_size(MAX_BODY_BYTES)
        .accept_compressed(Gzip)
        .accept_compressed(Deflate);
    let schemas = SchemaServiceServer::from_arc(Arc::clone(api))
        .max_decoding_message_size(MAX_BODY_BYTES)
        .accept_compressed(Gzip)
        .accept_compressed(Deflate);
    let policies = IAMPolicyServer::from_arc(Arc::clone(api))
        .max_decoding_message_size(MAX_BODY_BYTES)
        .accept_compressed(Gzip)
        .accept_compressed(Deflate);
    Router::new()
        .route(
            "/google.pubsub.v1.Publisher/{method}",
            any_service(publisher),
        )
        .route(
            "/google.pubsub.v1.Subscriber/{method}",
            any_service(subscriber),
        )
        .route(
            "/google.pubsub.v1.SchemaService/{method}",
            any_service(schemas),
        )
        .route("/google.iam.v1.IAMPolicy/{method}", any_service(policies))
}
