# Ask the gateway about one customer, or what is in the file given. WEIR_URL: where it listens; WEIR_API_KEY: as `weir keys create` printed it.
curl --silent --show-error --fail-with-body "${WEIR_URL:-http://127.0.0.1:8080}/predict" \
  -H "X-API-Key: $WEIR_API_KEY" -H "Content-Type: application/json" \
  -d @"${1:-docs/examples/customer.json}"
