# shellcheck shell=bash
# The services with kill points.

# build_armed: into $CARGO_TARGET_DIR/kill-points. Kill points are never built for release. Both builds have one name in cargo's folder:
# the one with kill points is moved away, and the plain one has to be built again. The same selection as everywhere else, so that the
# same features are built once.
build_armed() {
  local svc services=(auth-svc payments-svc onboarding-svc bcm-svc) bins=() features='' armed=$CARGO_TARGET_DIR/kill-points
  for svc in "${services[@]}"; do
    bins+=(--bin "$svc")
    features+=${features:+,}$svc/kill-points
  done
  rm -rf "$armed"
  mkdir -p "$armed"
  cargo build --quiet "${bins[@]}" --features "$features"
  for svc in "${services[@]}"; do mv -f "$CARGO_TARGET_DIR/debug/$svc" "$armed/$svc"; done
}
