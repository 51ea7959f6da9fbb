//! Tests that the tables agree with prost's structs.

use std::collections::BTreeSet;
use std::fmt::Debug;

use googleapis_tonic_google_iam_v1::google::iam::v1 as iam;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1 as pubsub;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::{IAM, PUBSUB, message};

/// The packages whose messages are all in prost's crates.
const OURS: [&str; 2] = [PUBSUB, IAM];

/// Parts of Google's API that are newer than prost's crates: fields, and messages and enumerations that only these use.
const NEWER: [&str; 10] = [
    "google.pubsub.v1.MessageTransform.compression",
    "google.pubsub.v1.Compression",
    "google.pubsub.v1.Compression.CompressionAlgorithm",
    "google.pubsub.v1.Compression.CompressionMode",
    "google.pubsub.v1.BigtableConfig.column_family_mapping",
    "google.pubsub.v1.BigtableConfig.ColumnFamilyMapping",
    "google.pubsub.v1.BigtableConfig.ColumnFamilyMapping.RowKeySchema",
    "google.pubsub.v1.BigtableConfig.ColumnFamilyMapping.DelimitedKey",
    "google.pubsub.v1.Schema.compiled_proto_schema",
    "google.pubsub.v1.CompiledProtoSchema",
];

fn known_fields(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let fields = message.fields();
    fields
        .filter(|field| !NEWER.contains(&field.full_name()))
        .collect()
}

/// Returns a value that no other type of field would transmit unchanged, if the wire format distinguishes the types.
fn sample(kind: &Kind, depth: usize) -> Value {
    match kind {
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(-7_777),
        Kind::Int64 => Value::I64(i64::MIN + 7),
        Kind::Bytes => Value::Bytes(vec![0xff, 0xfe].into()),
        Kind::String => Value::String("text".to_owned()),
        Kind::Enum(_) => Value::EnumNumber(2),
        Kind::Message(inner) => match inner.full_name() {
            "google.protobuf.Struct" => {
                let json = serde_json::json!({"temperature": 0.5});
                Value::Message(DynamicMessage::deserialize(inner.clone(), json).unwrap())
            }
            "google.protobuf.FieldMask" => {
                let json = serde_json::json!("labels,pushConfig.pushEndpoint");
                Value::Message(DynamicMessage::deserialize(inner.clone(), json).unwrap())
            }
            "google.protobuf.Duration" | "google.protobuf.Timestamp" => {
                let mut time = DynamicMessage::new(inner.clone());
                time.set_field_by_name("seconds", Value::I64(1_893_553_445));
                time.set_field_by_name("nanos", Value::I32(678_000_000));
                Value::Message(time)
            }
            _ => Value::Message(full(inner, depth)),
        },
        other => panic!("the tables have no {other:?}"),
    }
}

fn sample_field(field: &FieldDescriptor, depth: usize) -> Value {
    if field.is_map() {
        let entry = (
            MapKey::String("key".to_owned()),
            Value::String("v".to_owned()),
        );
        return Value::Map([entry].into());
    }
    let value = sample(&field.kind(), depth);
    if field.is_list() {
        Value::List(vec![value])
    } else {
        value
    }
}

/// Returns a message with all fields set. Of a oneof it is the member with the index `turn`.
fn full(message: &MessageDescriptor, turn: usize) -> DynamicMessage {
    let mut value = DynamicMessage::new(message.clone());
    for field in known_fields(message) {
        let oneof = field.containing_oneof();
        let chosen = oneof.is_none_or(|oneof| {
            let members = oneof.fields();
            let members: Vec<_> = members
                .filter(|member| !NEWER.contains(&member.full_name()))
                .collect();
            members[turn % members.len()] == field
        });
        if chosen {
            value.set_field(&field, sample_field(&field, turn));
        }
    }
    value
}

/// Returns a field of a fresh struct as `Debug` shows it.
fn shown(field: &FieldDescriptor) -> String {
    let value = match field.kind() {
        _ if field.containing_oneof().is_some() => "None",
        _ if field.is_map() => "{}",
        _ if field.is_list() => "[]",
        Kind::Message(_) => "None",
        Kind::String => "\"\"",
        Kind::Bytes => "[]",
        Kind::Bool => "false",
        // An enumeration is shown by the name of its first value.
        Kind::Enum(_) => "Unspecified",
        _ => "0",
    };
    let oneof = field.containing_oneof();
    let oneof = oneof.filter(|oneof| !oneof.is_synthetic());
    let name = oneof.map_or(field.name().to_owned(), |oneof| oneof.name().to_owned());
    format!("{name}: {value}")
}

fn check<T: Message + Default + Debug + PartialEq>(full_name: &str) {
    let descriptor = message(full_name).unwrap();
    let expected: BTreeSet<String> = known_fields(&descriptor).iter().map(shown).collect();
    let fresh = format!("{:?}", T::default()).replace("r#", "");
    let fields = fresh.split_once('{').map_or("", |(_, fields)| fields);
    let fields = fields.trim_end_matches('}').trim();
    let found = fields.split(", ").filter(|field| !field.is_empty());
    let found: BTreeSet<String> = found.map(str::trim).map(str::to_owned).collect();
    assert_eq!(found, expected, "{full_name}");

    for turn in 0..6 {
        let dynamic = full(&descriptor, turn);
        let json = serde_json::to_value(&dynamic).unwrap();
        let read = DynamicMessage::deserialize(descriptor.clone(), &json).unwrap();
        let value: T = read.transcode_to().unwrap();
        let mut again = DynamicMessage::new(descriptor.clone());
        again.transcode_from(&value).unwrap();
        assert_eq!(again, dynamic, "{full_name}");
        assert_eq!(again.unknown_fields().count(), 0, "{full_name}");
        assert_eq!(serde_json::to_value(&again).unwrap(), json, "{full_name}");
    }
}

/// Compares a message of the table with a struct.
type Check = fn(&str);

macro_rules! check_all {
    ($package:ident $prefix:literal; $($name:ident)*) => {
        [$((concat!($prefix, stringify!($name)), check::<$package::$name> as Check)),*]
    };
}

fn every_message() -> Vec<(&'static str, Check)> {
    use pubsub::ingestion_data_source_settings as ingestion;
    use pubsub::{ai_inference, cloud_storage_config, push_config, subscription};
    let pubsub = check_all! { pubsub "google.pubsub.v1.";
        Topic MessageStoragePolicy SchemaSettings IngestionDataSourceSettings PlatformLogsSettings MessageTransform
        GetTopicRequest UpdateTopicRequest DeleteTopicRequest ListTopicsRequest ListTopicsResponse
        ListTopicSubscriptionsRequest ListTopicSubscriptionsResponse ListTopicSnapshotsRequest
        ListTopicSnapshotsResponse DetachSubscriptionRequest DetachSubscriptionResponse PubsubMessage PublishRequest
        PublishResponse Subscription RetryPolicy DeadLetterPolicy ExpirationPolicy PushConfig BigQueryConfig
        BigtableConfig CloudStorageConfig GetSubscriptionRequest UpdateSubscriptionRequest DeleteSubscriptionRequest
        ListSubscriptionsRequest ListSubscriptionsResponse ModifyPushConfigRequest PullRequest PullResponse
        ReceivedMessage AcknowledgeRequest ModifyAckDeadlineRequest SeekRequest SeekResponse Snapshot
        CreateSnapshotRequest GetSnapshotRequest UpdateSnapshotRequest DeleteSnapshotRequest ListSnapshotsRequest
        ListSnapshotsResponse Schema CreateSchemaRequest GetSchemaRequest ListSchemasRequest ListSchemasResponse
        ListSchemaRevisionsRequest ListSchemaRevisionsResponse CommitSchemaRequest RollbackSchemaRequest
        DeleteSchemaRevisionRequest DeleteSchemaRequest ValidateSchemaRequest ValidateSchemaResponse
        ValidateMessageRequest ValidateMessageResponse
    };
    let renamed: [(&str, Check); 2] = [
        (
            "google.pubsub.v1.JavaScriptUDF",
            check::<pubsub::JavaScriptUdf>,
        ),
        ("google.pubsub.v1.AIInference", check::<pubsub::AiInference>),
    ];
    let ingestion_settings = check_all! { ingestion "google.pubsub.v1.IngestionDataSourceSettings.";
        AwsKinesis CloudStorage AzureEventHubs AwsMsk ConfluentCloud
    };
    use ingestion::cloud_storage;
    let formats = check_all! { cloud_storage "google.pubsub.v1.IngestionDataSourceSettings.CloudStorage.";
        TextFormat AvroFormat PubSubAvroFormat
    };
    let pushes = check_all! { push_config "google.pubsub.v1.PushConfig."; OidcToken PubsubWrapper NoWrapper };
    let storage = check_all! { cloud_storage_config "google.pubsub.v1.CloudStorageConfig."; TextConfig AvroConfig };
    let hub =
        check_all! { subscription "google.pubsub.v1.Subscription."; AnalyticsHubSubscriptionInfo };
    let inference =
        check_all! { ai_inference "google.pubsub.v1.AIInference."; UnstructuredInference };
    let iam = check_all! { iam "google.iam.v1.";
        Policy Binding AuditConfig AuditLogConfig SetIamPolicyRequest GetIamPolicyRequest GetPolicyOptions
        TestIamPermissionsRequest TestIamPermissionsResponse
    };
    let all = pubsub.into_iter().chain(renamed).chain(ingestion_settings);
    let all = all.chain(formats).chain(pushes).chain(storage);
    all.chain(hub).chain(inference).chain(iam).collect()
}

#[test]
fn messages_have_the_fields_of_prosts_structs() {
    let every = every_message();
    for (full_name, check) in &every {
        check(full_name);
    }
    let checked: BTreeSet<String> = every.iter().map(|(name, _)| (*name).to_owned()).collect();
    let pool = message("google.pubsub.v1.Topic").unwrap();
    let pool = pool.parent_pool().clone();
    let declared = pool
        .all_messages()
        .filter(|message| !message.is_map_entry());
    let declared = declared.filter(|message| OURS.contains(&message.package_name()));
    let declared = declared.filter(|message| !NEWER.contains(&message.full_name()));
    let declared: BTreeSet<String> = declared.map(|each| each.full_name().to_owned()).collect();
    assert_eq!(checked, declared);
}

/// Functions that return the number of a value's name, and true if a number has a value.
type Values = (fn(&str) -> Option<i32>, fn(i32) -> bool);

macro_rules! values {
    ($($full_name:literal => $enumeration:path,)*) => {
        vec![$((
            $full_name,
            (
                (|name| <$enumeration>::from_str_name(name).map(i32::from)) as fn(&str) -> Option<i32>,
                (|number| <$enumeration>::try_from(number).is_ok()) as fn(i32) -> bool,
            ),
        )),*]
    };
}

fn every_enumeration() -> Vec<(&'static str, Values)> {
    use pubsub::ingestion_data_source_settings as ingestion;
    values! {
        "google.iam.v1.AuditLogConfig.LogType" => iam::audit_log_config::LogType,
        "google.pubsub.v1.Encoding" => pubsub::Encoding,
        "google.pubsub.v1.SchemaView" => pubsub::SchemaView,
        "google.pubsub.v1.Schema.Type" => pubsub::schema::Type,
        "google.pubsub.v1.Topic.State" => pubsub::topic::State,
        "google.pubsub.v1.Subscription.State" => pubsub::subscription::State,
        "google.pubsub.v1.BigQueryConfig.State" => pubsub::big_query_config::State,
        "google.pubsub.v1.BigtableConfig.State" => pubsub::bigtable_config::State,
        "google.pubsub.v1.CloudStorageConfig.State" => pubsub::cloud_storage_config::State,
        "google.pubsub.v1.PlatformLogsSettings.Severity" => pubsub::platform_logs_settings::Severity,
        "google.pubsub.v1.IngestionDataSourceSettings.AwsKinesis.State" => ingestion::aws_kinesis::State,
        "google.pubsub.v1.IngestionDataSourceSettings.CloudStorage.State" => ingestion::cloud_storage::State,
        "google.pubsub.v1.IngestionDataSourceSettings.AzureEventHubs.State" => ingestion::azure_event_hubs::State,
        "google.pubsub.v1.IngestionDataSourceSettings.AwsMsk.State" => ingestion::aws_msk::State,
        "google.pubsub.v1.IngestionDataSourceSettings.ConfluentCloud.State" => ingestion::confluent_cloud::State,
    }
}

#[test]
fn enumerations_have_the_values_of_prosts() {
    let every = every_enumeration();
    let pool = message("google.pubsub.v1.Topic").unwrap();
    let pool = pool.parent_pool().clone();
    let declared = pool.all_enums();
    let declared = declared.filter(|each| OURS.contains(&each.package_name()));
    let declared = declared.filter(|each| !NEWER.contains(&each.full_name()));
    assert_eq!(declared.count(), every.len());
    for (full_name, (number_of, is_known)) in every {
        let found = pool.get_enum_by_name(full_name).unwrap();
        for value in found.values() {
            assert_eq!(number_of(value.name()), Some(value.number()), "{full_name}");
        }
        let count = i32::try_from(found.values().count()).unwrap();
        assert!(!is_known(count), "{full_name}");
    }
}

/// Fails once prost has them, since then they are no longer newer.
#[test]
fn what_is_newer_is_lost_in_prosts_structs() {
    fn is_lost<T: Message + Default>(name: &str, field: &str) {
        let descriptor = message(&format!("{PUBSUB}.{name}")).unwrap();
        let field = descriptor.get_field_by_name(field).unwrap();
        assert!(NEWER.contains(&field.full_name()), "{field:?}");
        let Kind::Message(inner) = field.kind() else {
            panic!("{field:?} is no message");
        };
        let mut value = DynamicMessage::new(descriptor.clone());
        value.set_field(&field, Value::Message(DynamicMessage::new(inner)));
        let read: T = value.transcode_to().unwrap();
        assert_eq!(read.encoded_len(), 0, "{field:?}");
    }
    is_lost::<pubsub::MessageTransform>("MessageTransform", "compression");
    is_lost::<pubsub::BigtableConfig>("BigtableConfig", "column_family_mapping");
    is_lost::<pubsub::Schema>("Schema", "compiled_proto_schema");
}

#[test]
fn details_of_errors_are_in_the_table() {
    for name in [
        "google.rpc.Status",
        "google.rpc.ErrorInfo",
        "google.type.Expr",
    ] {
        assert!(message(name).is_ok(), "{name}");
    }
}
