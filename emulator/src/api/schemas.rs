//! The service of schemas.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    CommitSchemaRequest, CreateSchemaRequest, DeleteSchemaRequest, DeleteSchemaRevisionRequest,
    GetSchemaRequest, ListSchemaRevisionsRequest, ListSchemaRevisionsResponse, ListSchemasRequest,
    ListSchemasResponse, RollbackSchemaRequest, Schema, ValidateMessageRequest,
    ValidateMessageResponse, ValidateSchemaRequest, ValidateSchemaResponse,
};
use tonic::{Request, Response, Status};

use super::Services;
use super::grpc::SchemaService;

#[tonic::async_trait]
impl SchemaService for Services {
    async fn create_schema(
        &self,
        _request: Request<CreateSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        Err(no_schemas())
    }

    async fn get_schema(
        &self,
        _request: Request<GetSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        Err(no_schemas())
    }

    async fn list_schemas(
        &self,
        _request: Request<ListSchemasRequest>,
    ) -> Result<Response<ListSchemasResponse>, Status> {
        Err(no_schemas())
    }

    async fn list_schema_revisions(
        &self,
        _request: Request<ListSchemaRevisionsRequest>,
    ) -> Result<Response<ListSchemaRevisionsResponse>, Status> {
        Err(no_schemas())
    }

    async fn commit_schema(
        &self,
        _request: Request<CommitSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        Err(no_schemas())
    }

    async fn rollback_schema(
        &self,
        _request: Request<RollbackSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        Err(no_schemas())
    }

    async fn delete_schema_revision(
        &self,
        _request: Request<DeleteSchemaRevisionRequest>,
    ) -> Result<Response<Schema>, Status> {
        Err(no_schemas())
    }

    async fn delete_schema(
        &self,
        _request: Request<DeleteSchemaRequest>,
    ) -> Result<Response<()>, Status> {
        Err(no_schemas())
    }

    async fn validate_schema(
        &self,
        _request: Request<ValidateSchemaRequest>,
    ) -> Result<Response<ValidateSchemaResponse>, Status> {
        Err(no_schemas())
    }

    async fn validate_message(
        &self,
        _request: Request<ValidateMessageRequest>,
    ) -> Result<Response<ValidateMessageResponse>, Status> {
        Err(no_schemas())
    }
}

fn no_schemas() -> Status {
    Status::unimplemented("The emulator has no schemas yet")
}
