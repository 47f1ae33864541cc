//! Transactional mail: an outbox in the caller's transaction and a worker that hands it to a provider once.
