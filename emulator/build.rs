//! Generates the gRPC server of the published methods over ready-made messages, so that neither protoc nor `.proto` files are needed.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let publisher = Service::builder()
        .name("Publisher")
        .package("google.pubsub.v1")
        .method(
            Method::builder()
                .name("publish")
                .route_name("Publish")
                .input_type("googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PublishRequest")
                .output_type(
                    "googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PublishResponse",
                )
                .codec_path("::tonic_prost::ProstCodec")
                .build(),
        )
        .build();
    Builder::new().build_client(false).compile(&[publisher]);
}
