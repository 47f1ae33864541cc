//! One query tells all event streams of a process about their orders, however many there are.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::ids::OrderId;
use service_kit::db::{Db, DbError};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::store::order::{self, Order};

/// The orders that streams wait for.
#[derive(Debug, Default)]
pub struct OrderWatch {
    watched: Mutex<HashMap<OrderId, watch::Sender<Order>>>,
    joined: Notify,
}

impl OrderWatch {
    /// Follows an order that the caller may see. The receiver begins with `order` as it was read.
    pub fn follow(&self, order: &Order) -> watch::Receiver<Order> {
        let receiver = self.lock().entry(order.id).or_insert_with(|| watch::Sender::new(order.clone())).subscribe();
        self.joined.notify_one();
        receiver
    }

    /// Fires when somebody has begun to follow.
    pub(crate) fn joined(&self) -> &Notify {
        &self.joined
    }

    /// Reads what is followed and tells who follows; returns whether anybody does.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<bool, DbError> {
        let ids: Vec<Uuid> = {
            let mut watched = self.lock();
            watched.retain(|_, sender| sender.receiver_count() > 0);
            watched.keys().map(|id| id.as_uuid()).collect()
        };
        if ids.is_empty() {
            return Ok(false);
        }
        let mut connection = db.get().await?;
        let orders = order::watched(&mut connection, &ids).await?;
        let watched = self.lock();
        for order in orders {
            if let Some(sender) = watched.get(&order.id) {
                sender.send_if_modified(|known| {
                    let changed = (known.state, &known.redirect_url) != (order.state, &order.redirect_url);
                    if changed {
                        *known = order;
                    }
                    changed
                });
            }
        }
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, watch::Sender<Order>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
