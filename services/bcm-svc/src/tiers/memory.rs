//! The memory controller: what this process keeps, how much of it, and what becomes of what does not fit.
//!
//! It owns the budgets of the first two tiers: bytes of this process, keys of Redis. The first is kept by weighing every
//! version; the second by a job ([`super::sweep`]), which also removes what lost its workspace or its life.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use moka::{Expiry, future::Cache, notification::RemovalCause, ops::compute::Op};

use super::{
    heads::{Known, STALE_LIFE},
    load::Loaded,
    redis::Pointer,
};
use crate::metrics::Metrics;

/// Head pointers kept in process; one has about a hundred bytes.
const HEADS: u64 = 100_000;

/// How much the first two tiers may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Bytes of versions in this process; 0 keeps nothing.
    pub bytes: u64,
    /// Keys of versions in Redis, of all processes together.
    pub redis_keys: u64,
}

struct HeadLife;

impl Expiry<WorkspaceId, Known> for HeadLife {
    fn expire_after_create(&self, _: &WorkspaceId, head: &Known, _: Instant) -> Option<Duration> {
        Some(head.life)
    }
}

/// What this process keeps.
#[derive(Clone)]
pub struct MemoryController {
    pub(super) heads: Cache<WorkspaceId, Known>,
    /// The last pointers that PostgreSQL confirmed, for when it does not answer.
    last_heads: Cache<WorkspaceId, Pointer>,
    pub(super) documents: Cache<(WorkspaceId, u64), Loaded>,
    budgets: Budgets,
    metrics: Metrics,
}

impl MemoryController {
    /// Keeps nothing yet.
    pub fn new(budgets: Budgets, metrics: Metrics) -> Self {
        let counting = metrics.clone();
        let documents = Cache::builder()
            .max_capacity(budgets.bytes)
            .weigher(|_, loaded: &Loaded| u32::try_from(loaded.document.weight()).unwrap_or(u32::MAX))
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counting.evicted();
                }
            })
            .build();
        metrics.budget(budgets.bytes);
        Self {
            heads: Cache::builder().max_capacity(HEADS).expire_after(HeadLife).build(),
            last_heads: Cache::builder().max_capacity(HEADS).time_to_live(STALE_LIFE.to_std().unwrap_or_default()).build(),
            documents,
            budgets,
            metrics,
        }
    }

    /// Whether anything is kept in this process.
    pub const fn keeps(&self) -> bool {
        self.budgets.bytes > 0
    }

    /// How much may be held.
    pub const fn budgets(&self) -> Budgets {
        self.budgets
    }

    /// A pointer was confirmed. One of an older generation does not take the place of a newer one.
    pub(super) async fn confirmed(&self, workspace: WorkspaceId, pointer: Pointer) {
        if !self.keeps() {
            return;
        }
        let newer = |held: &Pointer| (held.generation, held.confirmed) < (pointer.generation, pointer.confirmed);
        self.last_heads
            .entry(workspace)
            .and_compute_with(|held| {
                let put = held.is_none_or(|held| newer(held.value()));
                std::future::ready(if put { Op::Put(pointer) } else { Op::Nop })
            })
            .await;
    }

    /// A pointer led nowhere: nothing that is remembered of this head is believed.
    pub(super) async fn distrust(&self, workspace: WorkspaceId) {
        self.heads.invalidate(&workspace).await;
        self.last_heads.invalidate(&workspace).await;
    }

    /// The last pointer that was confirmed, if that is not too long ago.
    pub(super) async fn last_confirmed(&self, workspace: WorkspaceId, now: DateTime<Utc>) -> Option<Pointer> {
        self.last_heads.get(&workspace).await.filter(|pointer| pointer.left(STALE_LIFE, now).is_some())
    }

    /// Shows how much this process keeps.
    pub fn measure(&self) {
        self.metrics.memory(self.documents.weighted_size());
    }
}
