//! The calls to Firestore: a commit of one conditional write, and the read of one document.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use axum::http::Extensions;
use backon::{ExponentialBuilder, Retryable};
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as api;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::batch_get_documents_response::Result as Found;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::document_transform::FieldTransform;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::document_transform::field_transform::{
    ServerValue, TransformType,
};
use googleapis_tonic_google_firestore_v1::google::firestore::v1::firestore_client::FirestoreClient;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::write::Operation;
use prost_types::Timestamp;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::super::connection::{InUse, SharedConnection};
use super::super::{MessageKey, StoreError};
use super::channel::{Client, endpoint};
use super::database::FirestoreDatabase;
use super::document::{Fields, Record, SINCE, Snapshot, document_id, nanoseconds};
use super::failure::Failure;
use super::rejected;

/// Google, *Firestore*, OAuth scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/datastore";
/// The collection. Terraform declares its TTL policy and index exemptions.
const COLLECTION: &str = "pushgate";

/// The result of a conditional write.
pub(super) enum Committed {
    /// It was written. The time is for the next condition.
    Yes(Timestamp),
    /// The condition does not hold, or the document does not exist.
    ConditionFailed,
}

pub(super) struct Calls {
    endpoint: Endpoint,
    client: SharedConnection<Client>,
    credentials: Option<Credentials>,
    /// `projects/P/databases/D`.
    database: String,
    /// The headers from which Google's front end reads the database.
    routing: MetadataMap,
    /// The microseconds by which the server's clock is ahead of this machine's, by its last answer.
    ahead: AtomicI64,
    timeout: Duration,
}

impl Calls {
    pub(super) fn new(
        database: &FirestoreDatabase,
        emulator: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let FirestoreDatabase { project, database } = database;
        let credentials = match emulator {
            Some(_) => None,
            None => Some(
                Builder::default()
                    .with_scopes([SCOPE])
                    .build()
                    .map_err(rejected)?,
            ),
        };
        let name = format!("projects/{project}/databases/{database}");
        let header = |value: String| MetadataValue::try_from(value).map_err(rejected);
        let mut routing = MetadataMap::new();
        routing.insert("google-cloud-resource-prefix", header(name.clone())?);
        let parameters = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("project_id", project)
            .append_pair("database_id", database)
            .finish();
        routing.insert("x-goog-request-params", header(parameters)?);
        if emulator.is_some() {
            routing.insert("authorization", MetadataValue::from_static("Bearer owner"));
        }
        Ok(Self {
            endpoint: endpoint(emulator, timeout)?,
            client: SharedConnection::default(),
            credentials,
            database: name,
            routing,
            ahead: AtomicI64::new(0),
            timeout,
        })
    }

    /// Writes the fields, and the time of the write as `since`, if the condition holds.
    pub(super) async fn put(
        &self,
        key: &impl Display,
        fields: Fields,
        condition: ConditionType,
    ) -> Result<Committed, StoreError> {
        let since = FieldTransform {
            field_path: SINCE.to_owned(),
            transform_type: Some(TransformType::SetToServerValue(
                ServerValue::RequestTime.into(),
            )),
        };
        let document = api::Document {
            name: self.name(key),
            fields,
            create_time: None,
            update_time: None,
        };
        self.commit(api::Write {
            update_mask: None,
            update_transforms: vec![since],
            current_document: Some(api::Precondition {
                condition_type: Some(condition),
            }),
            operation: Some(Operation::Update(document)),
        })
        .await
    }

    /// Deletes the document if the condition holds.
    pub(super) async fn delete(
        &self,
        key: &impl Display,
        condition: ConditionType,
    ) -> Result<Committed, StoreError> {
        self.commit(api::Write {
            update_mask: None,
            update_transforms: Vec::new(),
            current_document: Some(api::Precondition {
                condition_type: Some(condition),
            }),
            operation: Some(Operation::Delete(self.name(key))),
        })
        .await
    }

    /// Commits a write. ABORTED means that nothing was written because of a concurrent write, so it is retried at once. After other
    /// errors the write may have happened, so the caller resolves them.
    async fn commit(&self, write: api::Write) -> Result<Committed, StoreError> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(200))
            .with_jitter()
            .with_max_times(5);
        let try_once = || self.try_commit(write.clone());
        let answer = try_once
            .retry(patience)
            .when(|error: &Failure| matches!(error, Failure::Status(status) if status.code() == Code::Aborted))
            .await;
        match answer {
            Ok(answer) => {
                self.learn_time(answer.commit_time.as_ref());
                let result = answer.write_results.first();
                let time = result.and_then(|result| result.update_time);
                Ok(Committed::Yes(
                    time.or(answer.commit_time).unwrap_or_default(),
                ))
            }
            // The first two mean a document that exists (the choice between them is UNVERIFIED), the third one a missing document.
            // A missing database, or one of another mode, returns the same codes, here and when the document is read.
            Err(Failure::Status(status))
                if matches!(
                    status.code(),
                    Code::AlreadyExists | Code::FailedPrecondition | Code::NotFound
                ) =>
            {
                Ok(Committed::ConditionFailed)
            }
            Err(failure) => Err(failure.at(&self.server())),
        }
    }

    async fn try_commit(&self, write: api::Write) -> Result<api::CommitResponse, Failure> {
        let request = api::CommitRequest {
            database: self.database.clone(),
            writes: vec![write],
            transaction: Vec::new(),
        };
        let request = self.request(request).await?;
        let mut client = self.client().await.connection;
        Ok(client.commit(request).await?.into_inner())
    }

    /// Reads the record of a message.
    pub(super) async fn read(&self, key: &MessageKey) -> Result<Snapshot, StoreError> {
        let (document, read_time) = self.fetch(key).await?;
        Ok(Snapshot {
            update_time: document.as_ref().and_then(|document| document.update_time),
            record: document
                .map(|document| Record::read(&document))
                .transpose()?,
            read_time,
        })
    }

    /// Reads a document, if there is one, and the server's time.
    pub(super) async fn fetch(
        &self,
        key: &impl Display,
    ) -> Result<(Option<api::Document>, Timestamp), StoreError> {
        let answer = self.try_read(key).await;
        let answer = answer.map_err(|failure| failure.at(&self.server()))?;
        self.learn_time(answer.read_time.as_ref());
        let document = match answer.result {
            Some(Found::Found(document)) => Some(document),
            Some(Found::Missing(_)) | None => None,
        };
        Ok((document, answer.read_time.unwrap_or_default()))
    }

    /// Reads a batch of one: unlike a plain read, its answer has the server's time even for a missing document.
    async fn try_read(
        &self,
        key: &impl Display,
    ) -> Result<api::BatchGetDocumentsResponse, Failure> {
        let request = api::BatchGetDocumentsRequest {
            database: self.database.clone(),
            documents: vec![self.name(key)],
            mask: None,
            consistency_selector: None,
        };
        let request = self.request(request).await?;
        let mut client = self.client().await.connection;
        let mut answers = client.batch_get_documents(request).await?.into_inner();
        let nothing = || Status::unknown("an empty answer");
        Ok(answers.message().await?.ok_or_else(nothing)?)
    }

    async fn request<T>(&self, message: T) -> Result<Request<T>, Failure> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        let metadata = request.metadata_mut().as_mut();
        if let Some(credentials) = &self.credentials {
            let headers = credentials.headers(Extensions::new()).await;
            match headers.map_err(Failure::Credentials)? {
                CacheableResource::New { data, .. } => metadata.extend(data),
                CacheableResource::NotModified => {}
            }
        }
        metadata.extend(self.routing.clone().into_headers());
        Ok(request)
    }

    fn name(&self, key: &impl Display) -> String {
        let id = document_id(key);
        format!("{}/documents/{COLLECTION}/{id}", self.database)
    }

    /// Estimates the server's time.
    pub(super) fn server_now(&self) -> SystemTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let difference = Duration::from_micros(ahead.unsigned_abs());
        let now = SystemTime::now();
        let adjusted = if ahead < 0 {
            now.checked_sub(difference)
        } else {
            now.checked_add(difference)
        };
        adjusted.unwrap_or(now)
    }

    fn learn_time(&self, server: Option<&Timestamp>) {
        if let Some(server) = server {
            let here = Timestamp::from(SystemTime::now());
            let ahead = (nanoseconds(server) - nanoseconds(&here)) / 1000;
            self.ahead
                .store(i64::try_from(ahead).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Returns the client. Its channel connects on first use, and reconnects after a failure.
    pub(super) async fn client(&self) -> InUse<Client> {
        let make = async || Ok(FirestoreClient::new(self.endpoint.connect_lazy()));
        let made: Result<_, Infallible> = self.client.get(make()).await;
        made.unwrap_or_else(|never| match never {})
    }

    /// Describes the server and its setting, for errors.
    pub(super) fn server(&self) -> String {
        let uri = self.endpoint.uri();
        let setting = match uri.scheme_str() {
            Some("http") => "FIRESTORE_EMULATOR_HOST",
            _ => "PUSHGATE_STORE",
        };
        format!("{uri} ({}, check {setting})", self.database)
    }

    /// Discards a client that does not answer: its channel may not notice a lost peer for some time.
    pub(super) fn discard(&self, client: &InUse<Client>) {
        self.client.discard(client, false);
    }
}
