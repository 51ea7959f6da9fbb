//! The messages of *google.pubsub.v1* over REST. `table.rs` explains the format.

pub(super) const TABLE: &str = "
    Encoding = ENCODING_UNSPECIFIED, JSON, BINARY;
    SchemaView = SCHEMA_VIEW_UNSPECIFIED, BASIC, FULL;

    Topic: name 1, labels 2 map, message_storage_policy 3 MessageStoragePolicy, kms_key_name 5,
        schema_settings 6 SchemaSettings, satisfies_pzs 7 bool, message_retention_duration 8 Duration, state 9 State,
        ingestion_data_source_settings 10 IngestionDataSourceSettings, message_transforms 13 MessageTransform*, tags 14 map;
    Topic.State = STATE_UNSPECIFIED, ACTIVE, INGESTION_RESOURCE_ERROR;
    MessageStoragePolicy: allowed_persistence_regions 1 string*, enforce_in_transit 2 bool;
    SchemaSettings: schema 1, encoding 2 Encoding, first_revision_id 3, last_revision_id 4;

    IngestionDataSourceSettings: aws_kinesis 1 AwsKinesis in source, cloud_storage 2 CloudStorage in source,
        azure_event_hubs 3 AzureEventHubs in source, platform_logs_settings 4 PlatformLogsSettings,
        aws_msk 5 AwsMsk in source, confluent_cloud 6 ConfluentCloud in source;
    IngestionDataSourceSettings.AwsKinesis: state 1 State, stream_arn 2, consumer_arn 3, aws_role_arn 4,
        gcp_service_account 5;
    IngestionDataSourceSettings.AwsKinesis.State = STATE_UNSPECIFIED, ACTIVE, KINESIS_PERMISSION_DENIED,
        PUBLISH_PERMISSION_DENIED, STREAM_NOT_FOUND, CONSUMER_NOT_FOUND;
    IngestionDataSourceSettings.CloudStorage: state 1 State, bucket 2, text_format 3 TextFormat in input_format,
        avro_format 4 AvroFormat in input_format, pubsub_avro_format 5 PubSubAvroFormat in input_format,
        minimum_object_create_time 6 Timestamp, match_glob 9;
    IngestionDataSourceSettings.CloudStorage.TextFormat: delimiter 1 string?;
    IngestionDataSourceSettings.CloudStorage.AvroFormat:;
    IngestionDataSourceSettings.CloudStorage.PubSubAvroFormat:;
    IngestionDataSourceSettings.CloudStorage.State = STATE_UNSPECIFIED, ACTIVE, CLOUD_STORAGE_PERMISSION_DENIED,
        PUBLISH_PERMISSION_DENIED, BUCKET_NOT_FOUND, TOO_MANY_OBJECTS;
    IngestionDataSourceSettings.AzureEventHubs: state 1 State, resource_group 2, namespace 3, event_hub 4, client_id 5,
        tenant_id 6, subscription_id 7, gcp_service_account 8;
    IngestionDataSourceSettings.AzureEventHubs.State = STATE_UNSPECIFIED, ACTIVE, EVENT_HUBS_PERMISSION_DENIED,
        PUBLISH_PERMISSION_DENIED, NAMESPACE_NOT_FOUND, EVENT_HUB_NOT_FOUND, SUBSCRIPTION_NOT_FOUND,
        RESOURCE_GROUP_NOT_FOUND;
    IngestionDataSourceSettings.AwsMsk: state 1 State, cluster_arn 2, topic 3, aws_role_arn 4, gcp_service_account 5;
    IngestionDataSourceSettings.AwsMsk.State = STATE_UNSPECIFIED, ACTIVE, MSK_PERMISSION_DENIED,
        PUBLISH_PERMISSION_DENIED, CLUSTER_NOT_FOUND, TOPIC_NOT_FOUND;
    IngestionDataSourceSettings.ConfluentCloud: state 1 State, bootstrap_server 2, cluster_id 3, topic 4,
        identity_pool_id 5, gcp_service_account 6;
    IngestionDataSourceSettings.ConfluentCloud.State = STATE_UNSPECIFIED, ACTIVE, CONFLUENT_CLOUD_PERMISSION_DENIED,
        PUBLISH_PERMISSION_DENIED, UNREACHABLE_BOOTSTRAP_SERVER, CLUSTER_NOT_FOUND, TOPIC_NOT_FOUND;
    PlatformLogsSettings: severity 1 Severity;
    PlatformLogsSettings.Severity = SEVERITY_UNSPECIFIED, DISABLED, DEBUG, INFO, WARNING, ERROR;

    MessageTransform: javascript_udf 2 JavaScriptUDF in transform, enabled 3 bool, disabled 4 bool,
        ai_inference 6 AIInference in transform, compression 7 Compression in transform;
    Compression: compression_algorithm 1 CompressionAlgorithm, compression_mode 2 CompressionMode;
    Compression.CompressionAlgorithm = COMPRESSION_ALGORITHM_UNSPECIFIED, ZLIB, ZSTD 3;
    Compression.CompressionMode = COMPRESSION_MODE_UNSPECIFIED, COMPRESS, DECOMPRESS;
    JavaScriptUDF: function_name 1, code 2;
    AIInference: endpoint 1, unstructured_inference 2 UnstructuredInference in inference_mode, service_account_email 3;
    AIInference.UnstructuredInference: parameters 1 Struct;

    GetTopicRequest: topic 1;
    UpdateTopicRequest: topic 1 Topic, update_mask 2 FieldMask;
    DeleteTopicRequest: topic 1;
    ListTopicsRequest: project 1, page_size 2 int32, page_token 3;
    ListTopicsResponse: topics 1 Topic*, next_page_token 2;
    ListTopicSubscriptionsRequest: topic 1, page_size 2 int32, page_token 3;
    ListTopicSubscriptionsResponse: subscriptions 1 string*, next_page_token 2;
    ListTopicSnapshotsRequest: topic 1, page_size 2 int32, page_token 3;
    ListTopicSnapshotsResponse: snapshots 1 string*, next_page_token 2;
    DetachSubscriptionRequest: subscription 1;
    DetachSubscriptionResponse:;

    PubsubMessage: data 1 bytes, attributes 2 map, message_id 3, publish_time 4 Timestamp, ordering_key 5;
    PublishRequest: topic 1, messages 2 PubsubMessage*;
    PublishResponse: message_ids 1 string*;

    Subscription: name 1, topic 2, push_config 4 PushConfig, ack_deadline_seconds 5 int32, retain_acked_messages 7 bool,
        message_retention_duration 8 Duration, labels 9 map, enable_message_ordering 10 bool,
        expiration_policy 11 ExpirationPolicy, filter 12, dead_letter_policy 13 DeadLetterPolicy,
        retry_policy 14 RetryPolicy, detached 15 bool, enable_exactly_once_delivery 16 bool,
        topic_message_retention_duration 17 Duration, bigquery_config 18 BigQueryConfig, state 19 State,
        cloud_storage_config 22 CloudStorageConfig, analytics_hub_subscription_info 23 AnalyticsHubSubscriptionInfo,
        message_transforms 25 MessageTransform*, tags 26 map, bigtable_config 27 BigtableConfig;
    Subscription.State = STATE_UNSPECIFIED, ACTIVE, RESOURCE_ERROR;
    Subscription.AnalyticsHubSubscriptionInfo: listing 1, subscription 2;
    RetryPolicy: minimum_backoff 1 Duration, maximum_backoff 2 Duration;
    DeadLetterPolicy: dead_letter_topic 1, max_delivery_attempts 2 int32;
    ExpirationPolicy: ttl 1 Duration;

    PushConfig: push_endpoint 1, attributes 2 map, oidc_token 3 OidcToken in authentication_method,
        pubsub_wrapper 4 PubsubWrapper in wrapper, no_wrapper 5 NoWrapper in wrapper;
    PushConfig.OidcToken: service_account_email 1, audience 2;
    PushConfig.PubsubWrapper:;
    PushConfig.NoWrapper: write_metadata 1 bool;

    BigQueryConfig: table 1, use_topic_schema 2 bool, write_metadata 3 bool, drop_unknown_fields 4 bool, state 5 State,
        use_table_schema 6 bool, service_account_email 7;
    BigQueryConfig.State = STATE_UNSPECIFIED, ACTIVE, PERMISSION_DENIED, NOT_FOUND, SCHEMA_MISMATCH,
        IN_TRANSIT_LOCATION_RESTRICTION, VERTEX_AI_LOCATION_RESTRICTION;
    BigtableConfig: table 1, app_profile_id 2, service_account_email 3, state 4 State, write_metadata 5 bool,
        column_family_mapping 6 ColumnFamilyMapping in message_mapping;
    BigtableConfig.ColumnFamilyMapping: row_key_schema 1 RowKeySchema in key_definition,
        delimited_key 2 DelimitedKey in key_definition;
    BigtableConfig.ColumnFamilyMapping.RowKeySchema:;
    BigtableConfig.ColumnFamilyMapping.DelimitedKey: key_fields 1 string*, delimiter 2 bytes;
    BigtableConfig.State = STATE_UNSPECIFIED, ACTIVE, NOT_FOUND, APP_PROFILE_MISCONFIGURED, PERMISSION_DENIED,
        SCHEMA_MISMATCH, IN_TRANSIT_LOCATION_RESTRICTION, VERTEX_AI_LOCATION_RESTRICTION;
    CloudStorageConfig: bucket 1, filename_prefix 2, filename_suffix 3, text_config 4 TextConfig in output_format,
        avro_config 5 AvroConfig in output_format, max_duration 6 Duration, max_bytes 7 int64, max_messages 8 int64,
        state 9 State, filename_datetime_format 10, service_account_email 11;
    CloudStorageConfig.TextConfig:;
    CloudStorageConfig.AvroConfig: write_metadata 1 bool, use_topic_schema 2 bool;
    CloudStorageConfig.State = STATE_UNSPECIFIED, ACTIVE, PERMISSION_DENIED, NOT_FOUND, IN_TRANSIT_LOCATION_RESTRICTION,
        SCHEMA_MISMATCH, VERTEX_AI_LOCATION_RESTRICTION;

    GetSubscriptionRequest: subscription 1;
    UpdateSubscriptionRequest: subscription 1 Subscription, update_mask 2 FieldMask;
    DeleteSubscriptionRequest: subscription 1;
    ListSubscriptionsRequest: project 1, page_size 2 int32, page_token 3;
    ListSubscriptionsResponse: subscriptions 1 Subscription*, next_page_token 2;
    ModifyPushConfigRequest: subscription 1, push_config 2 PushConfig;

    PullRequest: subscription 1, return_immediately 2 bool, max_messages 3 int32;
    PullResponse: received_messages 1 ReceivedMessage*;
    ReceivedMessage: ack_id 1, message 2 PubsubMessage, delivery_attempt 3 int32;
    AcknowledgeRequest: subscription 1, ack_ids 2 string*;
    ModifyAckDeadlineRequest: subscription 1, ack_deadline_seconds 3 int32, ack_ids 4 string*;
    SeekRequest: subscription 1, time 2 Timestamp in target, snapshot 3 in target;
    SeekResponse:;

    Snapshot: name 1, topic 2, expire_time 3 Timestamp, labels 4 map;
    CreateSnapshotRequest: name 1, subscription 2, labels 3 map, tags 4 map;
    GetSnapshotRequest: snapshot 1;
    UpdateSnapshotRequest: snapshot 1 Snapshot, update_mask 2 FieldMask;
    DeleteSnapshotRequest: snapshot 1;
    ListSnapshotsRequest: project 1, page_size 2 int32, page_token 3;
    ListSnapshotsResponse: snapshots 1 Snapshot*, next_page_token 2;

    Schema: name 1, type 2 Type, definition 3, revision_id 4, revision_create_time 6 Timestamp,
        compiled_proto_schema 8 CompiledProtoSchema in configuration;
    CompiledProtoSchema: root_message 1, compiled_bytes 2 bytes;
    Schema.Type = TYPE_UNSPECIFIED, PROTOCOL_BUFFER, AVRO;
    CreateSchemaRequest: parent 1, schema 2 Schema, schema_id 3;
    GetSchemaRequest: name 1, view 2 SchemaView;
    ListSchemasRequest: parent 1, view 2 SchemaView, page_size 3 int32, page_token 4;
    ListSchemasResponse: schemas 1 Schema*, next_page_token 2;
    ListSchemaRevisionsRequest: name 1, view 2 SchemaView, page_size 3 int32, page_token 4;
    ListSchemaRevisionsResponse: schemas 1 Schema*, next_page_token 2;
    CommitSchemaRequest: name 1, schema 2 Schema;
    RollbackSchemaRequest: name 1, revision_id 2;
    DeleteSchemaRevisionRequest: name 1, revision_id 2;
    DeleteSchemaRequest: name 1;
    ValidateSchemaRequest: parent 1, schema 2 Schema;
    ValidateSchemaResponse:;
    ValidateMessageRequest: parent 1, name 2 in schema_spec, schema 3 Schema in schema_spec, message 4 bytes,
        encoding 5 Encoding;
    ValidateMessageResponse:;
";
