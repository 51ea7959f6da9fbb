//! The replies of services with and without keys while the key server fails, and afterwards.

use std::time::Duration;

use crate::harness::key_server::{Answer, MAX_AGE_SECONDS};
use crate::harness::mint::{Issuer, RsaKey, claims, header, with};
use crate::harness::probe::task;
use crate::harness::{Service, push_to, soon, time_passes};

/// The time after which keys are fetched again.
pub(super) const STALE: Duration = Duration::from_secs(MAX_AGE_SECONDS + 1);
/// The time limit of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The least time between two fetches.
pub(super) const FLOOR: Duration = Duration::from_secs(5);

/// The failure of the key server.
pub(super) enum Trouble {
    Down,
    Answers(Answer),
}

/// A service with keys and one without, while the key server fails and afterwards.
pub(super) struct Story {
    pub(super) issuer: Issuer,
    service: Service,
    /// A key that the issuer never published.
    pub(super) stranger: RsaKey,
}

impl Story {
    pub(super) async fn begin() -> Self {
        let issuer = Issuer::start().await;
        let service = issuer.service().await;
        let stranger = RsaKey::new("stranger");
        Self {
            issuer,
            service,
            stranger,
        }
    }

    async fn push(&self, url: &str, token: &str) -> u16 {
        push_to(url, self.service.message(task::SUCCEED).body(), token)
            .await
            .status
    }

    /// Pushes with a token that needs a fetch. A silent server is not waited for.
    async fn push_impatiently(&self, url: &str, token: &str, is_withheld: bool) -> u16 {
        if !is_withheld {
            return self.push(url, token).await;
        }
        let server = &self.issuer.server;
        let impatience = async {
            for fetches in server.fetches().. {
                server.fetched(fetches).await;
                time_passes(FETCH_TIMEOUT).await;
            }
        };
        tokio::select! {
            status = self.push(url, token) => status,
            () = impatience => unreachable!("there is always a next fetch to wait for"),
        }
    }

    async fn good_pushes(&self, name: &str) {
        let (remembered, new) = (self.issuer.key.good(), with(&claims(), "jti", name));
        let new = self.issuer.key.token(&header("good"), &new);
        for token in [remembered, new] {
            assert_eq!(self.push(&self.service.url, &token).await, 204, "{name}");
        }
    }

    /// Runs one failure from its begin to the recovery.
    pub(super) async fn goes_on(&self, name: &str, trouble: &Trouble) {
        let server = &self.issuer.server;
        let is_withheld = matches!(trouble, Trouble::Answers(Answer::Withheld));
        match trouble {
            Trouble::Down => server.go_down().await,
            Trouble::Answers(answer) => server.set_answer(answer.clone()),
        }
        time_passes(STALE).await;
        let before = server.fetches();
        self.good_pushes(name).await;
        if matches!(trouble, Trouble::Answers(_)) {
            server.fetched(before + 1).await;
        }
        self.good_pushes(name).await;
        let url = &self.service.url;
        let stranger = self.stranger.good();
        let status = self.push_impatiently(url, &stranger, is_withheld).await;
        assert_eq!(
            status, 503,
            "{name}: it may be a key that could not be fetched"
        );
        self.good_pushes(name).await;
        let cold = self.cold(name, trouble).await;
        self.recovers(name, trouble, &cold).await;
    }

    /// Starts another instance without keys, and returns its URL.
    async fn cold(&self, name: &str, trouble: &Trouble) -> String {
        let is_withheld = matches!(trouble, Trouble::Answers(Answer::Withheld));
        let before = self.issuer.server.fetches();
        let (_running, url) = self.service.instance().await;
        if is_withheld {
            self.issuer.server.fetched(before + 1).await;
        }
        for token in [self.issuer.key.good(), self.stranger.good()] {
            let status = self.push_impatiently(&url, &token, is_withheld).await;
            assert_eq!(status, 503, "{name}: a cold service");
        }
        let ready = crate::harness::get(format!("{url}/health/ready")).await;
        assert_eq!(ready.expect("an answer").status(), 503, "{name}");
        url
    }

    async fn recovers(&self, name: &str, trouble: &Trouble, cold: &str) {
        let server = &self.issuer.server;
        server.set_answer(Answer::keys(&[self.issuer.key.jwk()]));
        if matches!(trouble, Trouble::Down) {
            server.come_up().await;
        }
        for url in [cold, &self.service.url] {
            time_passes(FETCH_TIMEOUT).await;
            let accepted = async { while self.push(url, &self.issuer.key.good()).await != 204 {} };
            soon("recovery", accepted).await;
            let refused = async { while self.push(url, &self.stranger.good()).await != 401 {} };
            soon("new keys", refused).await;
        }
        self.good_pushes(name).await;
    }
}

pub(super) async fn keys_go_on(
    troubles: impl IntoIterator<Item = (&'static str, Trouble)>,
) -> Story {
    let story = Story::begin().await;
    for (name, trouble) in troubles {
        story.goes_on(name, &trouble).await;
    }
    story
}
