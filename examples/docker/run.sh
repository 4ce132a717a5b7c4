#!/bin/bash
# Trains the mammals with `docker run`, serves the model and asks it; nothing of the project but the
# image is needed. Both containers are hardened: no rights, no writes but where the job's files are.
#
# Usage: examples/docker/run.sh
#
#   IMAGE=name       the image (default: object2vec:cpu)
#   FOLDER=folder    where the job, its log and its model stay (default: build/docker)
#   PORT=number      where the server is on this machine (default: 8080)
set -euo pipefail
cd "$(dirname "$0")/../.."

image=${IMAGE:-object2vec:cpu}
folder=$(realpath --canonicalize-missing "${FOLDER:-build/docker}")
port=${PORT:-8080}
containers=(object2vec-example-train-$$ object2vec-example-serve-$$)

give_up() { echo "$1" >&2; exit 1; }

command -v curl >/dev/null || give_up "this machine lacks curl: apt-get install curl"
docker info >/dev/null 2>&1 || give_up "no Docker engine answers: start dockerd, or set DOCKER_HOST"
docker image inspect "$image" >/dev/null 2>&1 || give_up "$image is not built: make image-cpu"

# However this ends, no container stays; nor one that is only being made when it ends.
clean_up() {
    docker rm --force "${containers[@]}" || true
    kill "$(jobs -p)" || true
    wait
    docker rm --force "${containers[@]}" || true
}
trap 'clean_up >/dev/null 2>&1' EXIT
trap 'exit 130' INT
trap 'exit 129' HUP
trap 'exit 143' TERM

hardened=(--user "$(id -u):$(id -g)" --read-only --tmpfs /tmp --cap-drop ALL
    --security-opt no-new-privileges)

mkdir -p "$folder"
cp -r examples/mammals/ml/. "$folder"

echo "Training on WordNet's mammals; the log is $folder/train.log"
# In the background, as the shell sees to a signal only between commands, and while it waits.
docker run --rm --name "${containers[0]}" "${hardened[@]}" --network none \
    --volume "$folder:/opt/ml" "$image" train >"$folder/train.log" 2>&1 &
wait $! || give_up "the training failed: $(tail -n 1 "$folder/train.log")"
sed -n 's/.*host=[^,]*, test \(.*\) <.*>=\(.*\)/  test \1: \2/p' "$folder/train.log"

echo "Serving at port $port"
docker run --detach --name "${containers[1]}" "${hardened[@]}" --publish "127.0.0.1:$port:8080" \
    --volume "$folder/model:/opt/ml/model:ro" "$image" serve >/dev/null
for _ in $(seq 300); do
    curl -sf "localhost:$port/ping" && break
    sleep 0.2
done
curl -sf "localhost:$port/ping" || give_up "no answer: $(docker logs "${containers[1]}" 2>&1 | tail -n 1)"

echo "Is a wolf a carnivore? Is it a whale? The scores of no and yes:"
curl -sf "localhost:$port/invocations" -H 'Content-Type: application/jsonlines' -d '
{"in0": ["wolf"], "in1": ["carnivore"]}
{"in0": ["wolf"], "in1": ["whale"]}'

echo "A wolf's embedding:"
curl -sf "localhost:$port/invocations" -H 'Content-Type: application/json' -d '
{"instances": [{"in0": ["wolf"]}]}'
echo

docker stop --time 30 "${containers[1]}" >/dev/null
echo "Stopped with exit code $(docker inspect --format '{{.State.ExitCode}}' "${containers[1]}")"
