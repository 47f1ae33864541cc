//! Documents as files: made when one is first asked for, kept, and attached to the mail about a payment.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Clock, ids::InvoiceId};
use mail::{Attachment, Attachments};
use service_kit::db::{Db, DbError};

use super::{
    Invoice, Printed,
    pdf::{self, PdfError},
};
use crate::store::invoice as store;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be made.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Where files are made and kept.
#[derive(Clone)]
pub struct Files {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl Files {
    /// Files in that database.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// The file of a document; made at the first call.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn of(&self, invoice: &Invoice) -> Result<Vec<u8>, FileError> {
        if let Some(file) = store::pdf(&mut *self.db.get().await?, invoice.id).await.map_err(DbError::from)? {
            return Ok(file);
        }
        let (printed, issued_at) = (Printed::from(invoice), invoice.issued_at);
        let set = tokio::task::spawn_blocking(move || pdf::file(&printed, issued_at));
        let made = set.await.map_err(|error| PdfError::Set(error.to_string()))??;
        Ok(store::keep_pdf(&mut *self.db.get().await?, self.clock.now(), invoice.id, made).await.map_err(DbError::from)?)
    }
}

/// The name under which a mail carries a document.
pub fn attachment_of(id: InvoiceId) -> String {
    format!("{ATTACHED}{id}")
}

const ATTACHED: &str = "invoice/";

#[async_trait]
impl Attachments for Files {
    async fn load(&self, name: &str) -> Result<Attachment, String> {
        let id: InvoiceId = name.strip_prefix(ATTACHED).and_then(|id| id.parse().ok()).ok_or("no name of a document")?;
        let unread = |error: DbError| error.to_string();
        let mut connection = self.db.get().await.map_err(unread)?;
        let found = store::find(&mut connection, None, id).await.map_err(|error| unread(error.into()))?;
        drop(connection);
        let invoice = found.ok_or("there is no such document")?;
        let bytes = self.of(&invoice).await.map_err(|error| error.to_string())?;
        Ok(Attachment { file_name: format!("{}.pdf", invoice.file_name()), content_type: "application/pdf", bytes })
    }
}
