//! The manifest store against real PostgreSQL, Redis and RabbitMQ.
