#!/bin/sh
# Makes every secret that docker-compose.yml mounts and that is not there yet, in deploy/compose/secrets.
# The folder is the owner's alone; the files in it can be read by all, for a container's user is another than yours.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$here/secrets
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
keep() { # FILE TEXT: a file that is there is left as it is
    [ -s "$folder/$1" ] && return
    mkdir -p "$(dirname "$folder/$1")"
    printf '%s' "$2" > "$folder/$1"
    echo "made $folder/$1"
}

keep pages-token "$(random)"
keep grafana-admin-password "$(random)"
# What Alertmanager's configuration names. Until there are real ones, notifications go to the service `pages`.
grep -o '/etc/alertmanager/secrets/[^ ]*' "$here/alertmanager.yml" | sort -u | while read -r path; do
    name=${path#/etc/alertmanager/secrets/}
    case $name in
        */slack*) keep "alertmanager/$name" "http://pages:9095/slack" ;;
        *) keep "alertmanager/$name" "$(random)" ;;
    esac
done
