#!/bin/sh
# Stands in for kubectl where a program still passes the flag that was renamed to --delete-emptydir-data.
for argument in "$@"; do
  shift
  [ "$argument" = --delete-local-data ] && argument=--delete-emptydir-data
  set -- "$@" "$argument"
done
exec /usr/bin/kubectl.real "$@"
