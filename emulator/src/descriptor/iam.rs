//! The messages of policies and errors. `table.rs` explains the format.

/// *google.iam.v1*.
pub(super) const IAM: &str = "
    Policy: version 1 int32, etag 3 bytes, bindings 4 Binding*, audit_configs 6 AuditConfig*;
    Binding: role 1, members 2 string*, condition 3 google.type.Expr;
    AuditConfig: service 1, audit_log_configs 3 AuditLogConfig*;
    AuditLogConfig: log_type 1 LogType, exempted_members 2 string*;
    AuditLogConfig.LogType = LOG_TYPE_UNSPECIFIED, ADMIN_READ, DATA_WRITE, DATA_READ;
    SetIamPolicyRequest: resource 1, policy 2 Policy, update_mask 3 FieldMask;
    GetIamPolicyRequest: resource 1, options 2 GetPolicyOptions;
    GetPolicyOptions: requested_policy_version 1 int32;
    TestIamPermissionsRequest: resource 1, permissions 2 string*;
    TestIamPermissionsResponse: permissions 1 string*;
";

/// *google.type*.
pub(super) const TYPE: &str = "Expr: expression 1, title 2, description 3, location 4;";

/// *google.rpc*: the details of errors.
pub(super) const RPC: &str = "
    Status: code 1 int32, message 2, details 3 Any*;
    ErrorInfo: reason 1, domain 2, metadata 3 map;
";
