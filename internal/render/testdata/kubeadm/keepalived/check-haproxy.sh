#!/bin/sh
# Succeeds when HAProxy of this machine runs and knows an API server that is ready.
# keepalived runs it every second as nobody, and wants an answer within two.
exec curl --silent --fail --output /dev/null --max-time 1 http://127.0.0.1:8404/ready
