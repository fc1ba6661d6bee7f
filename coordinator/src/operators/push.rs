//! Accepts a release: a bundle in pieces is received, compared, checked, and stored unchanged for ever.

use super::changes::{invalid, not_rendered};
use super::request::{ChangeError, read, unreadable};
use super::service::OperatorsService;
use crate::agents::{PIECE, kept_piece};
use crate::clock;
use crate::facts::{DesiredChange, ReleaseImage, ReleaseKept, StateSnapshot};
use crate::keys;
use crate::rpc_status::refuse;
use fleet_core::app::{AppDefinition, Bundle, ENCODED_LIMIT, LintReport};
use fleet_core::capability::needed_by_app;
use fleet_core::compose::Problems;
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::{Digest, OperatorName, ReleaseName, Version};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::release::Release;
use fleet_core::version::VersionScheme;
use fleet_proto::v1::{self, push_release_piece::Kind};
use tonic::{Status, Streaming};

const ATTEMPT: Attempt = Attempt::PushRelease;

impl OperatorsService {
    pub async fn push_as(
        &self,
        by: &OperatorName,
        mut pieces: Streaming<v1::PushReleasePiece>,
    ) -> Result<v1::ReleaseView, Status> {
        let first = pieces.message().await?.and_then(|piece| piece.kind);
        let Some(Kind::Head(head)) = first else {
            return Err(refuse(ATTEMPT, CallRefusal::PiecesOutOfOrder, None));
        };
        let version: Version = read(ATTEMPT, &head.version)?;
        let digest: Digest = read(ATTEMPT, &head.digest)?;
        let bytes = collect(pieces).await?;
        let bundle = Bundle::decode(&bytes).map_err(|error| unreadable(ATTEMPT, error, None))?;
        if bundle.digest() != digest {
            let (arrived, announced) = (bundle.digest().to_string(), digest.to_string());
            return Err(refuse(ATTEMPT, CallRefusal::BundleDiffers { arrived, announced }, Hint::PushAgain));
        }
        let report = self.rendering(ATTEMPT, by).await?.lint(&bundle, Some(&version)).await;
        let report = report.map_err(|error| not_rendered(ATTEMPT, error))?;
        let release = judge(&bundle, report, version, digest, by)?;
        self.keep(release, &bytes).await
    }

    async fn keep(&self, mut release: ReleaseKept, bytes: &[u8]) -> Result<v1::ReleaseView, Status> {
        let pieces: Vec<String> = bytes.chunks(PIECE).map(kept_piece).collect();
        release.pieces = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        let name = release.release.name.clone();
        let change = |change: &mut DesiredChange<'_>| {
            if let Some(kept) = change.snapshot().release(&name.app, &name.version) {
                let is_same = kept.release.digest == release.release.digest;
                return if is_same { Ok(true) } else { Err(refuse_other(&name).into()) };
            }
            if let Some(other) = spelled_otherwise(change.snapshot(), &release) {
                return Err(refuse_spelling(&name, other).into());
            }
            for (number, piece) in (0..).zip(&pieces) {
                change.batch().put(keys::bundle(&release.release.digest, number), piece);
            }
            change.tell(&name, EventKind::Pushed { by: release.by.clone() });
            change.add_release(release);
            Ok::<_, ChangeError>(false)
        };
        let (already_there, _) = self.shared.facts.change_desired(clock::now(), change).await?;
        let view = self.release_view(&name)?;
        Ok(v1::ReleaseView { already_there, ..view })
    }
}

fn refuse_other(name: &ReleaseName) -> Status {
    refuse(ATTEMPT, CallRefusal::ReleaseExists { release: name.clone() }, Hint::PushUnderOtherVersion)
}

/// Returns the release of the same app that has this one's version in another spelling, such as `1.2.0` for `1.2`.
fn spelled_otherwise(snapshot: &StateSnapshot, release: &ReleaseKept) -> Option<Version> {
    let scheme = release.upgrades.as_ref().map_or(&VersionScheme::Pep440, |upgrades| &upgrades.scheme);
    let ReleaseName { app, version } = &release.release.name;
    let is_same = |other: &&Version| scheme.is_same(other.as_str(), version.as_str());
    snapshot.releases().get(app)?.keys().find(is_same).cloned()
}

fn refuse_spelling(name: &ReleaseName, other: Version) -> Status {
    let refusal = CallRefusal::VersionExists { release: name.clone(), other };
    refuse(ATTEMPT, refusal, Hint::PushUnderOtherVersion)
}

async fn collect(mut pieces: Streaming<v1::PushReleasePiece>) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        let Some(Kind::Bundle(part)) = piece.kind else {
            return Err(refuse(ATTEMPT, CallRefusal::PiecesOutOfOrder, None));
        };
        if bytes.len() + part.len() > ENCODED_LIMIT {
            return Err(refuse(ATTEMPT, CallRefusal::BundleTooLarge { limit: ENCODED_LIMIT }, None));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Checks a bundle, and refuses it with all problems if it is not a valid release.
fn judge(
    bundle: &Bundle,
    LintReport { problems, summary }: LintReport,
    version: Version,
    digest: Digest,
    by: &OperatorName,
) -> Result<ReleaseKept, Status> {
    if !problems.0.is_empty() {
        return Err(not_valid(&problems));
    }
    let definition = AppDefinition::of(bundle).map_err(|problems| not_valid(&problems))?;
    let services = summary.map(|summary| summary.services).unwrap_or_default();
    Ok(ReleaseKept {
        release: Release { name: ReleaseName { app: definition.app.clone(), version }, digest },
        needs: needed_by_app(&definition),
        title: definition.title.unwrap_or_else(|| definition.app.to_string()),
        pushed: clock::now(),
        by: by.clone(),
        images: services.into_iter().map(|(service, image)| ReleaseImage { service, image }).collect(),
        values: definition.values,
        upgrades: definition.upgrades,
        pieces: 0,
    })
}

fn not_valid(problems: &Problems) -> Status {
    refuse(ATTEMPT, invalid(problems), Hint::LintApp)
}
