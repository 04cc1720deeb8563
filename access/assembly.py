"""Puts the parts of a door together, for the kiosk, for clips and for the demo."""

from collections.abc import Callable
from functools import partial

from access.audit import Audit
from access.loop import DoorLoop
from access.policy import Policy
from access.site_view import SiteView
from access.tracking import Tracker
from models.clock import SystemClock
from models.domain import Threshold
from models.ports import Clock, Lock
from models.settings import Settings
from models.site import Site
from models.vision.quality import QualityLimits, assess


def policy_of(settings: Settings, threshold: Threshold) -> Policy:
    """The door's demands: the release's threshold, and the rest from the settings."""
    decision = settings.decision
    return Policy(
        threshold=threshold,
        min_margin=decision.min_margin,
        min_frames=decision.min_frames,
        window_s=decision.window_s,
        stale_s=settings.camera.stale_s,
        cooldown_s=decision.cooldown_s,
        min_likeness=decision.min_likeness,
        max_faces=decision.max_faces,
    )


def look_at(site: Site) -> SiteView:
    """The site as it is in the register now. Raises RegisterError, ReleaseError, ModelError, WeightsError."""
    view = site.view()
    return SiteView(
        revision=view.gallery_revision,
        release_id=view.release.release_id,
        encoder=view.encoder,
        gallery=view.gallery,
        policy=policy_of(site.settings, view.release.threshold),
    )


def build_loop(site: Site, view: Callable[[], SiteView], clock: Clock, audit: Audit, lock: Lock) -> DoorLoop:
    """The door's loop with the site's detector and settings.

    Args:
        site: where the detector and the settings come from.
        view: the release, gallery and policy in force.
        clock: the one that stamps the frames; stages are always measured by the system's.
        audit: where decisions are written.
        lock: what opens.
    """
    settings = site.settings
    return DoorLoop(
        detector=site.detector,
        tracker=Tracker(),
        assess=partial(assess, limits=QualityLimits(**settings.quality.model_dump())),
        view=view,
        clock=clock,
        audit=audit,
        lock=lock,
        unlock_s=settings.door.unlock_s,
        min_face_px=settings.detector.min_face_px,
        timer=SystemClock().monotonic_s,
    )
