# shellcheck shell=bash
# A private Redis. Drafts live beside caches, so that nothing may be evicted; when it is full, drafts go to PostgreSQL.

redis_start() {
  runs redis && return
  folder_for redis
  redis_configuration | write_for redis redis/redis.conf
  launch redis redis-server "$STATE_DIR/redis/redis.conf"
  wait_for redis 15 redis_ready
}

redis_configuration() {
  cat <<CONF
bind 127.0.0.1
port $REDIS_PORT
requirepass $REDIS_PASSWORD
daemonize no
dir $STATE_DIR/redis
save ""
appendonly no
maxmemory $REDIS_MAXMEMORY
maxmemory-policy noeviction
CONF
}

redis_ready() { [[ $(REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -p "$REDIS_PORT" ping) == PONG ]]; }

redis_stop() { halt redis TERM 15; }
