//! The service of policies, which are stored but not enforced.

use googleapis_tonic_google_iam_v1::google::iam::v1::{
    GetIamPolicyRequest, Policy, SetIamPolicyRequest, TestIamPermissionsRequest,
    TestIamPermissionsResponse,
};
use prost_types::FieldMask;
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
        let current = self.broker.policy(&request.resource);
        let policy = masked(policy, current, request.update_mask)?;
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

    /// Returns no permissions on resources that do not exist (Google, *TestIamPermissions*).
    async fn test_iam_permissions(
        &self,
        request: Request<TestIamPermissionsRequest>,
    ) -> Result<Response<TestIamPermissionsResponse>, Status> {
        let request = request.into_inner();
        let mut permissions = granted(&request.resource, request.permissions)?;
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

/// Returns the policy with only the fields of the mask replaced, if there is a mask (Google, *SetIamPolicyRequest*,
/// `updateMask`).
fn masked(change: Policy, current: Policy, mask: Option<FieldMask>) -> Result<Policy, ApiError> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Ok(change);
    }
    // The rest of the policy must not change in the meantime.
    let mut policy = current;
    for path in &paths {
        match path.as_str() {
            "bindings" => policy.bindings.clone_from(&change.bindings),
            "audit_configs" | "auditConfigs" => {
                policy.audit_configs.clone_from(&change.audit_configs);
            }
            "version" => policy.version = change.version,
            "etag" => {}
            _ => {
                return Err(ApiError::invalid(format!(
                    "The update_mask of the SetIamPolicyRequest has {path:?}, which is no field of a Policy"
                )));
            }
        }
    }
    if !change.etag.is_empty() {
        policy.etag = change.etag;
    }
    Ok(policy)
}
