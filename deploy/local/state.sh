# shellcheck shell=bash
# Where a stack keeps its data, logs, pid files and secrets.

# user_for PART: the system user that a part runs as; the present one when we are not root.
user_for() {
  if [[ $EUID -ne 0 ]]; then id -un; return; fi
  case $1 in
    postgres) echo postgres ;;
    redis) echo redis ;;
    rabbitmq | epmd) echo rabbitmq ;;
    gateway) echo www-data ;;
    prometheus | alertmanager) echo prometheus ;;
    *) id -un ;;
  esac
}

log_of() { printf '%s/logs/%s.log' "$STATE_DIR" "$1"; }

# The service users must be able to walk to their folders. A checkout below a closed home folder is not such a place.
state_choose() {
  local inside=$ROOT/.local/$STACK outside
  # One that `stack exec` of the other stack put into the environment was not meant for this one.
  if [[ -n ${STATE_DIR:-} && ${GROUNDWORK_STACK:-$STACK} == "$STACK" ]]; then return; fi
  if [[ $EUID -ne 0 ]] || everybody_may_enter "$ROOT"; then
    STATE_DIR=$inside
    return
  fi
  outside=/var/tmp/groundwork-$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
  if [[ -e $outside && ! -O $outside ]]; then
    fail "$outside belongs to somebody else" "Set STATE_DIR to a folder that every user may enter."
  fi
  STATE_DIR=$outside/$STACK
}

everybody_may_enter() {
  local folder=$1
  while :; do
    [[ $(stat -c %A "$folder") == *[xt] ]] || return 1
    [[ $folder == / ]] && return 0
    folder=$(dirname "$folder")
  done
}

state_prepare() {
  # A parent that was there before keeps its mode: it may be the system's temporary directory.
  local parent
  parent=$(dirname "$STATE_DIR")
  if [[ ! -d $parent ]]; then mkdir -p "$parent" && chmod 711 "$parent"; fi
  mkdir -p "$STATE_DIR"/{run,logs,services}
  chmod 711 "$STATE_DIR" "$STATE_DIR/logs"
  chmod 700 "$STATE_DIR/run" "$STATE_DIR/services"
}

# folder_for PART: makes its data folder, closed to all but the part's user.
folder_for() {
  local folder=$STATE_DIR/$1
  mkdir -p "$folder"
  chown "$(user_for "$1")" "$folder"
  chmod 700 "$folder"
}

random_password() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# Passwords are made once; a name added later is appended.
secrets_load() {
  local file=$STATE_DIR/secrets.env name svc names=(POSTGRES_PASSWORD REDIS_PASSWORD RABBITMQ_ADMIN_PASSWORD
    PHONEPE_CLIENT_SECRET PHONEPE_WEBHOOK_PASSWORD RESEND_API_KEY RESEND_WEBHOOK_KEY AUTH_KEY_ENCRYPTION_SECRET
    BCM_KEY_ENCRYPTION_SECRET)
  for svc in AUTH PAYMENTS ONBOARDING BCM; do
    names+=("${svc}_RUNTIME_PASSWORD" "${svc}_OWNER_PASSWORD" "${svc}_AMQP_PASSWORD")
  done
  (umask 077 && touch "$file")
  # shellcheck disable=SC1090
  . "$file"
  for name in "${names[@]}"; do
    if [[ -z ${!name:-} ]]; then
      printf -v "$name" '%s' "$(random_password)"
      # PhonePe takes 8 to 20 characters, letters and digits.
      if [[ $name == PHONEPE_WEBHOOK_PASSWORD ]]; then printf -v "$name" 'w1%.16s' "${!name}"; fi
      printf '%s=%s\n' "$name" "${!name}" >>"$file"
    fi
  done
}

# write_for PART FILE: standard input into a file that only the part's user can read.
write_for() {
  local file=$STATE_DIR/$2
  rm -f "$file"
  (umask 077 && cat >"$file")
  chown "$(user_for "$1")" "$file"
}
