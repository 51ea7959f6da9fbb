//! Google's *SchemaService*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    CommitSchemaRequest, CreateSchemaRequest, DeleteSchemaRequest, DeleteSchemaRevisionRequest,
    GetSchemaRequest, ListSchemaRevisionsRequest, ListSchemaRevisionsResponse, ListSchemasRequest,
    ListSchemasResponse, RollbackSchemaRequest, Schema, ValidateMessageRequest,
    ValidateMessageResponse, ValidateSchemaRequest, ValidateSchemaResponse,
    validate_message_request::SchemaSpec,
};
use tonic::{Request, Response, Status};

use super::Services;
use super::grpc::SchemaService;
use super::page::page;
use crate::resources::name::project;
use crate::schema::{SchemaRef, Schemas};

#[tonic::async_trait]
impl SchemaService for Services {
    async fn create_schema(
        &self,
        request: Request<CreateSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        let request = request.into_inner();
        let project = project(&request.parent)?;
        if request.schema_id.is_empty() {
            return Err(Status::invalid_argument(
                "The id of the schema is missing: over REST it is the query parameter schemaId",
            ));
        }
        let schema = request.schema.unwrap_or_default();
        let created = self
            .broker
            .create_schema(project, &request.schema_id, schema)?;
        self.saved().await?;
        Ok(Response::new(created))
    }

    async fn get_schema(
        &self,
        request: Request<GetSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        let request = request.into_inner();
        let schemas = self.broker.schemas();
        Ok(Response::new(schemas.get(&request.name, request.view())?))
    }

    async fn list_schemas(
        &self,
        request: Request<ListSchemasRequest>,
    ) -> Result<Response<ListSchemasResponse>, Status> {
        let request = request.into_inner();
        let project = project(&request.parent)?;
        let all = self.broker.schemas().list(project, request.view())?;
        let (schemas, next_page_token) = page(
            all,
            |each| &each.name,
            request.page_size,
            &request.page_token,
        )?;
        Ok(Response::new(ListSchemasResponse {
            schemas,
            next_page_token,
        }))
    }

    async fn list_schema_revisions(
        &self,
        request: Request<ListSchemaRevisionsRequest>,
    ) -> Result<Response<ListSchemaRevisionsResponse>, Status> {
        let request = request.into_inner();
        let schemas = self.broker.schemas();
        let revisions = schemas.list_revisions(&request.name, request.view())?;
        // The newest is first. A page token counts the older revisions, so that a new revision does not move the others.
        let count = revisions.len();
        let places = (0..count).map(|newer| format!("{:04}", usize::from(u8::MAX) + newer - count));
        let (page, next_page_token) = page(
            places.zip(revisions),
            |(place, _)| place,
            request.page_size,
            &request.page_token,
        )?;
        Ok(Response::new(ListSchemaRevisionsResponse {
            schemas: page.into_iter().map(|(_, revision)| revision).collect(),
            next_page_token,
        }))
    }

    async fn commit_schema(
        &self,
        request: Request<CommitSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        let request = request.into_inner();
        let schema = request.schema.unwrap_or_default();
        let committed = self.broker.commit_schema(&request.name, schema)?;
        self.saved().await?;
        Ok(Response::new(committed))
    }

    async fn rollback_schema(
        &self,
        request: Request<RollbackSchemaRequest>,
    ) -> Result<Response<Schema>, Status> {
        let request = request.into_inner();
        let back = self
            .broker
            .rollback_schema(&request.name, &request.revision_id)?;
        self.saved().await?;
        Ok(Response::new(back))
    }

    async fn delete_schema_revision(
        &self,
        request: Request<DeleteSchemaRevisionRequest>,
    ) -> Result<Response<Schema>, Status> {
        let left = self
            .broker
            .delete_schema_revision(&request.into_inner().name)?;
        self.saved().await?;
        Ok(Response::new(left))
    }

    async fn delete_schema(
        &self,
        request: Request<DeleteSchemaRequest>,
    ) -> Result<Response<()>, Status> {
        self.broker.delete_schema(&request.into_inner().name)?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn validate_schema(
        &self,
        request: Request<ValidateSchemaRequest>,
    ) -> Result<Response<ValidateSchemaResponse>, Status> {
        let request = request.into_inner();
        project(&request.parent)?;
        Schemas::validate_schema(&request.schema.unwrap_or_default())?;
        Ok(Response::new(ValidateSchemaResponse {}))
    }

    async fn validate_message(
        &self,
        request: Request<ValidateMessageRequest>,
    ) -> Result<Response<ValidateMessageResponse>, Status> {
        let request = request.into_inner();
        let encoding = request.encoding();
        let spec = match request.schema_spec {
            Some(SchemaSpec::Name(name)) => SchemaRef::Named(name),
            Some(SchemaSpec::Schema(schema)) => SchemaRef::Inline(schema),
            None => {
                return Err(Status::invalid_argument(
                    "There is no schema to validate against: expected its name, or the schema itself",
                ));
            }
        };
        let schemas = self.broker.schemas();
        schemas.validate_message(&spec, &request.message, encoding)?;
        Ok(Response::new(ValidateMessageResponse {}))
    }
}
