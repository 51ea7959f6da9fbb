//! stub
use super::grpc::IAMPolicy;
use super::services::Services;
use googleapis_tonic_google_iam_v1::google::iam::v1::*;
use tonic::{Request, Response, Status};
#[tonic::async_trait]
impl IAMPolicy for Services {
    async fn set_iam_policy(
        &self,
        _r: Request<SetIamPolicyRequest>,
    ) -> Result<Response<Policy>, Status> {
        Err(Status::unimplemented("x"))
    }
    async fn get_iam_policy(
        &self,
        _r: Request<GetIamPolicyRequest>,
    ) -> Result<Response<Policy>, Status> {
        Err(Status::unimplemented("x"))
    }
    async fn test_iam_permissions(
        &self,
        _r: Request<TestIamPermissionsRequest>,
    ) -> Result<Response<TestIamPermissionsResponse>, Status> {
        Err(Status::unimplemented("x"))
    }
}
