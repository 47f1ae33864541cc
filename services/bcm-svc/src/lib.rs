//! The Business Context Manifest store.
