//! The service of policies, which are kept but not enforced.

use googleapis_tonic_google_iam_v1::google::iam::v1::{
    GetIamPolicyRequest, Policy, SetIamPolicyRequest, TestIamPermissionsRequest,
    TestIamPermissionsResponse,
};
use tonic::{Request, Response, Status};

use super::Services;
use super::grpc::IAMPolicy;
use crate::error::ApiError;
use crate::iam::granted;

#[tonic::async_trait]
impl IAMPolicy for Services {
    async fn set_iam_policy(
        &self,
        request: Request<SetIamPolicyRequest>,
    ) -> Result<Response<Policy>, Status> {
        let request = request.into_inner();
        let policy = request
            .policy
            .ok_or_else(|| Status::invalid_argument("The policy must be set"))?;
        let set = self.broker.set_policy(&request.resource, policy)?;
        self.saved().await?;
        Ok(Response::new(set))
    }

    async fn get_iam_policy(
        &self,
        request: Request<GetIamPolicyRequest>,
    ) -> Result<Response<Policy>, Status> {
        let resource = request.into_inner().resource;
        self.check_exists(&resource)?;
        Ok(Response::new(self.broker.policy(&resource)))
    }

    /// Of what does not exist, nobody has a permission (Google, *TestIamPermissions*).
    async fn test_iam_permissions(
        &self,
        request: Request<TestIamPermissionsRequest>,
    ) -> Result<Response<TestIamPermissionsResponse>, Status> {
        let request = request.into_inner();
        let mut permissions = granted(request.permissions)?;
        if !self.broker.exists(&request.resource) {
            permissions.clear();
        }
        Ok(Response::new(TestIamPermissionsResponse { permissions }))
    }
}

impl Services {
    fn check_exists(&self, resource: &str) -> Result<(), ApiError> {
        if self.broker.exists(resource) {
            return Ok(());
        }
        let id = resource.rsplit('/').next().unwrap_or_default();
        Err(ApiError::NotFound(id.to_owned()))
    }
}
