"""Two origins: what is deployed beside a Cloudflare deployment, and that nothing of it is there without one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from cdk.constructs import data_access, edge_router, origin_secret
from cdk.settings import InvalidSetting, read_settings
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.settings import read_settings as read_function_settings
from quartzdb.replication.status import PeerKind
from quartzdb.replication.streams.driver import LEASE as REPLICATOR_LEASE
from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeOrigin, decode_config
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.edge.deployed_router import with_addresses
from quartzdb.routing.edge.forwarding import ADDRESSES, CLOUDFLARE_SECRET, SECOND_ATTEMPT
from quartzdb.routing.ports import PUBLISHED_KEY
from quartzdb.routing.probe.canary import CANARY_TENANT, ID_PREFIX
from quartzdb.routing.probe.probing import LEASE as PROBE_LEASE
from tests.infrastructure.synthesis import Deployment, Resource, statements

FAILOVER_ALARMS = {
    "probe-stopped",
    "probe-errors",
    "probes-impossible",
    "routing-undecided",
    "origin-switched",
    "breaker-open",
    "router-errors",
    "replicator-errors",
    "replication-lag",
    "replication-stopped",
    "replication-different",
}


@pytest.fixture(params=["two_origins", "mirrored"])
def failover(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    return deployments[request.param]


def _router(deployment: Deployment) -> Resource:
    (found,) = [
        one
        for one in deployment.resources("AWS::Lambda::Function")
        if one.stack == "edge" and one.properties["Handler"] == "handler.handler"
    ]
    return found


def _allowed(deployment: Deployment, function: Resource) -> Iterator[Mapping[str, Any]]:
    role = function.properties["Role"]["Fn::GetAtt"][0]
    for owner, statement in statements(deployment):
        if owner.stack == function.stack and {"Ref": role} in owner.properties.get("Roles", []):
            yield statement


def _actions(statement: Mapping[str, Any]) -> list[str]:
    action = statement["Action"]
    return action if isinstance(action, list) else [action]


def _variables(deployment: Deployment, name: str) -> dict[str, str]:
    """Of a function, with its own name in the place of what is known only when it is deployed."""
    given = deployment.function(name).properties["Environment"]["Variables"]
    known = {key: value if isinstance(value, str) else key for key, value in given.items()}
    for key in ("QUARTZDB_API_URL", "QUARTZDB_SEARCH_URL"):
        if key in known:
            known[key] = "https://made-up.example/"
    return known


def _alarm_ids(deployment: Deployment) -> set[str]:
    alarms = deployment.resources("AWS::CloudWatch::Alarm")
    return {alarm.properties["AlarmName"].removeprefix(f"{deployment.prefix}-") for alarm in alarms}


def test_without_a_cloudflare_domain_there_is_nothing_of_it(deployment: Deployment) -> None:
    """No function, queue, secret, router, alarm or output, and no word of a peer to any function."""
    names = {str(one.properties.get("FunctionName")) for one in deployment.resources("AWS::Lambda::Function")}
    assert not [name for name in names if "probe" in name or "replicator" in name]
    assert len(deployment.resources("AWS::SecretsManager::Secret")) == 1
    assert not _alarm_ids(deployment) & FAILOVER_ALARMS
    for name in ("api", "search", "indexer", "compactor"):
        assert not [key for key in _variables(deployment, name) if "PEER" in key or "REPLICATION" in key]
    config = deployment.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert "LambdaFunctionAssociations" not in behavior


def test_the_probe_gets_settings_that_it_accepts(failover: Deployment, mirrored: Deployment) -> None:
    """All that it needs, and the other origin by its name."""
    settings = read_function_settings(_variables(failover, "health_probe"))
    probe = settings.probe
    assert probe is not None
    assert probe.cloudflare_url == "https://db.example.workers.dev"
    assert probe.primary is (Origin.AWS if failover is mirrored else Origin.CLOUDFLARE)
    assert (probe.cloudflare_canary_key is not None) == (failover is mirrored)
    assert probe.passive_queue_url is not None
    assert settings.peer is None


def test_the_replicator_gets_settings_that_it_accepts(failover: Deployment, mirrored: Deployment) -> None:
    """A peer without a feed comes with a queue of mirrored writes, and a key of its own."""
    peer = read_function_settings(_variables(failover, "replicator")).peer
    assert peer is not None
    assert peer.settings.url == "https://db.example.workers.dev"
    assert peer.settings.kind is (PeerKind.CONTRACT if failover is mirrored else PeerKind.FULL)
    assert (peer.mirror_queue_url is not None) == (peer.api_key is not None) == (failover is mirrored)
    assert (peer.replication_secret is None) == (failover is mirrored)
    assert peer.origin_secret is not None


@pytest.mark.parametrize("name", ["api", "indexer", "compactor"])
def test_functions_know_that_their_site_is_one_of_two(failover: Deployment, name: str) -> None:
    """What the other one still needs is kept, and they may read how far it has come."""
    assert read_function_settings(_variables(failover, name)).peer is not None
    families = {
        family
        for statement in _allowed(failover, failover.function(name))
        if "dynamodb:GetItem" in _actions(statement)
        for family in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }
    assert "CHECKPOINTS" in families


@pytest.mark.parametrize("name", ["health_probe", "replicator"])
def test_both_are_woken_each_minute_and_run_from_no_snapshot(failover: Deployment, name: str) -> None:
    """Copies of one memory would be one owner of a lease."""
    function = failover.function(name).properties
    assert "SnapStart" not in function
    assert 60 < function["Timeout"] <= 120
    wanted = {"Ref": failover.function(name).id}
    (alias,) = [
        one for one in failover.resources("AWS::Lambda::Alias") if one.properties["FunctionName"] == wanted
    ]
    (schedule,) = [
        one.properties
        for one in failover.resources("AWS::Scheduler::Schedule")
        if one.properties["Target"]["Arn"] == {"Ref": alias.id}
    ]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0


def test_only_the_replicator_can_sign_api_keys(failover: Deployment, mirrored: Deployment) -> None:
    """Of the secret with which that is done no other function may read anything, and it alone has the layer for it."""
    full = failover is not mirrored
    peer = read_function_settings(_variables(failover, "replicator")).peer
    assert peer is not None
    assert (peer.signing_key is not None) == full
    secrets = [one for one in failover.resources("AWS::SecretsManager::Secret") if "SigningSecret" in one.id]
    assert len(secrets) == int(full)
    for name in ("api", "search", "indexer", "compactor", "health_probe", "replicator"):
        function = failover.function(name)
        signs = full and name == "replicator"
        assert len(function.properties["Layers"]) == (4 if signs else 3)
        reads = [
            statement
            for statement in _allowed(failover, function)
            if "secretsmanager:GetSecretValue" in _actions(statement)
            and "SigningSecret" in json.dumps(statement["Resource"])
        ]
        assert bool(reads) == signs


def test_names_of_rights_are_those_of_the_program() -> None:
    """A lease, a key or an object under another name would be refused, and only when it matters."""
    assert (f"LEASE#{PROBE_LEASE}",) == data_access.PROBE_LEASE
    assert (f"LEASE#{REPLICATOR_LEASE}",) == data_access.REPLICATION_LEASE
    assert (f"KEY#{ID_PREFIX}*", f"KEYS#{CANARY_TENANT}") == data_access.CANARY_KEYS
    assert data_access.ROUTING_STATE == PUBLISHED_KEY
    assert edge_router.ADDRESSES_HEADER == ADDRESSES
    assert origin_secret.CLOUDFLARE_HEADER == CLOUDFLARE_SECRET


def test_the_probe_may_make_its_own_key_and_publish_one_object(failover: Deployment) -> None:
    """No record, no key-value and no other API key is within its reach."""
    reached: set[str] = set()
    objects: list[str] = []
    for statement in _allowed(failover, failover.function("health_probe")):
        for action in _actions(statement):
            if action.startswith("dynamodb:"):
                reached |= set(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
            if action.startswith("s3:"):
                objects.append(f"{action} {json.dumps(statement['Resource'])}")
    assert reached == {"ORIGIN", "LEASE#health-probe", "CHECKPOINTS", "KEY#ca0a27*", "KEYS#canary"}
    assert len(objects) == 2
    assert all("/routing/state.json" in one for one in objects)


def test_the_replicator_makes_no_api_keys(failover: Deployment) -> None:
    """It passes them on."""
    for statement in _allowed(failover, failover.function("replicator")):
        if "dynamodb:PutItem" in _actions(statement):
            families = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert not [family for family in families if family.startswith("KEY")]
            assert "ORIGIN" not in families


def test_the_router_is_what_lambda_at_the_edge_takes(failover: Deployment) -> None:
    """In CloudFront's region, without environment, layers, network or tracing; one processor; 30 seconds."""
    router = _router(failover).properties
    assert router["Runtime"] == "python3.13"
    assert router["Timeout"] <= 30
    assert router.get("Architectures", ["x86_64"]) == ["x86_64"]
    for forbidden in ("Environment", "Layers", "VpcConfig", "DeadLetterConfig", "TracingConfig", "SnapStart"):
        assert forbidden not in router
    versions = [one for one in failover.resources("AWS::Lambda::Version") if one.stack == "edge"]
    assert len(versions) == 1
    assert versions[0].whole["DeletionPolicy"] == "Retain"


def test_the_router_is_at_both_events_of_every_path(failover: Deployment) -> None:
    """The same version; the request comes with its body."""
    (version,) = [one for one in failover.resources("AWS::Lambda::Version") if one.stack == "edge"]
    config = failover.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        associated = {one["EventType"]: one for one in behavior["LambdaFunctionAssociations"]}
        assert set(associated) == {"origin-request", "origin-response"}
        assert associated["origin-request"]["IncludeBody"] is True
        assert not associated["origin-response"].get("IncludeBody")
        for one in associated.values():
            assert one["LambdaFunctionARN"] == {"Ref": version.id}


def test_reads_that_both_clouds_answer_are_attempted_twice(failover: Deployment) -> None:
    """By a group of origins, whose second is marked; those are all paths of the shared surface that only read."""
    config = failover.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    origins = {one["Id"]: one for one in config["Origins"]}
    groups = {one["Id"]: one for one in config["OriginGroups"]["Items"]}
    patterns = set()
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        if behavior["TargetOriginId"] not in groups:
            assert behavior["AllowedMethods"] != ["GET", "HEAD", "OPTIONS"]
            continue
        patterns.add(behavior["PathPattern"])
        assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
        group = groups[behavior["TargetOriginId"]]
        assert group["FailoverCriteria"]["StatusCodes"]["Items"] == [500, 502, 503, 504]
        marked = []
        for member in group["Members"]["Items"]:
            headers = origins[member["OriginId"]]["OriginCustomHeaders"]
            marked.append(SECOND_ATTEMPT in {one["HeaderName"] for one in headers})
        assert marked == [False, True]
    shared = EdgeOrigin("db.example", surface=CLOUDFLARE_SURFACE).serves
    for path, methods in describe(FAMILIES, title="", version="")["paths"].items():
        if not shared(path):
            continue
        grouped = any(fnmatchcase(path, pattern) for pattern in patterns)
        assert grouped is (set(methods) <= {"get", "head"}), path


def test_the_router_may_read_one_object_and_write_to_the_queues(
    failover: Deployment, mirrored: Deployment
) -> None:
    """And write its log. Both of Lambda's services may be it, nobody else."""
    router = _router(failover)
    actions = {action for statement in _allowed(failover, router) for action in _actions(statement)}
    assert actions == {
        "s3:GetObject",
        "sqs:SendMessage",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    for statement in _allowed(failover, router):
        if "s3:GetObject" in _actions(statement):
            assert json.dumps(statement["Resource"]).endswith('/routing/state.json"]]}')
        if "sqs:SendMessage" in _actions(statement):
            queues = statement["Resource"]
            assert len(queues if isinstance(queues, list) else [queues]) == (2 if failover is mirrored else 1)
    (role,) = [
        one
        for one in failover.resources("AWS::IAM::Role")
        if one.stack == "edge" and one.id == router.properties["Role"]["Fn::GetAtt"][0]
    ]
    trusted = {
        statement["Principal"]["Service"]
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]
    }
    assert trusted == {"lambda.amazonaws.com", "edgelambda.amazonaws.com"}


def test_cloudfront_tells_the_router_what_it_cannot_know(failover: Deployment, mirrored: Deployment) -> None:
    """The secret of the other origin, and addresses that the router understands; no client is told either."""
    for origin in failover.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]["Origins"]:
        headers = {one["HeaderName"]: one["HeaderValue"] for one in origin["OriginCustomHeaders"]}
        assert set(headers) - {SECOND_ATTEMPT} == {"x-quartzdb-origin-secret", CLOUDFLARE_SECRET, ADDRESSES}
        assert "{{resolve:secretsmanager:" in json.dumps(headers[CLOUDFLARE_SECRET])
        parts = headers[ADDRESSES]["Fn::Join"][1]
        said = "".join(part if isinstance(part, str) else "" for part in parts)
        assert PUBLISHED_KEY in said
        assert ("mirror=" in said) == (failover is mirrored)
        # With something in the place of each reference.
        whole = "".join(
            part
            if isinstance(part, str)
            else "https://q.example"
            if parts[n - 1].endswith("=")
            else "b.example"
            for n, part in enumerate(parts)
        )
        config = with_addresses(_bundled(failover), whole)
        assert (config.mirror_queue_url is not None) == (failover is mirrored)
        assert config.state_url is not None
        assert config.passive_queue_url is not None


def _bundled(deployment: Deployment) -> Any:
    hashed = _router(deployment).properties["Code"]["S3Key"].removesuffix(".zip")
    return decode_config((deployment.folder / f"asset.{hashed}" / "edge_config.json").read_bytes())


def test_the_bundle_has_the_configuration_of_this_deployment(
    failover: Deployment, mirrored: Deployment
) -> None:
    """The other origin's name, and a first state whose primary is the one that was chosen."""
    config = _bundled(failover)
    assert config.origins[Origin.CLOUDFLARE].domain == "db.example.workers.dev"
    assert config.origins[Origin.AWS].domain is None
    assert config.region == ("eu-central-1" if failover is mirrored else "us-east-1")
    assert config.initial.active is config.initial.primary
    assert config.initial.primary is (Origin.AWS if failover is mirrored else Origin.CLOUDFLARE)


def test_tenants_that_do_not_replicate_are_known_where_it_matters(
    two_origins: Deployment, mirrored: Deployment
) -> None:
    """By what answers the other site and by what drives replication; unset, all tenants do."""
    for function in ("api", "indexer", "compactor", "replicator"):
        variables = two_origins.function(function).properties["Environment"]["Variables"]
        assert variables["QUARTZDB_SHARED_TENANTS"] == "one,two"
        assert "QUARTZDB_SHARED_TENANTS" not in str(mirrored.function(function).properties["Environment"])


def test_queues_of_the_edge_are_encrypted_and_have_dead_letters(
    failover: Deployment, mirrored: Deployment
) -> None:
    """A message that nobody can take in does not come for ever."""
    queues = failover.resources("AWS::SQS::Queue")
    fed = [one for one in queues if "RedrivePolicy" in one.properties]
    assert len(fed) == (2 if failover is mirrored else 1)
    assert all(one.properties["SqsManagedSseEnabled"] is True for one in queues)
    for one in fed:
        assert 1 < one.properties["RedrivePolicy"]["maxReceiveCount"] <= 20


def test_secrets_of_the_parts_are_long_and_apart(failover: Deployment, mirrored: Deployment) -> None:
    """Each may be rotated without the others; what CloudFront sends has a copy where CloudFormation looks."""
    secrets = failover.resources("AWS::SecretsManager::Secret")
    assert len(secrets) == (3 if failover is mirrored else 5)
    for one in secrets:
        assert one.properties["GenerateSecretString"]["PasswordLength"] >= 32
    copies = [one for one in secrets if "ReplicaRegions" in one.properties]
    assert len(copies) == (2 if failover is mirrored else 0)


def test_alarms_ring_on_what_the_functions_write(failover: Deployment, mirrored: Deployment) -> None:
    """Each by a metric that there is."""
    expected = FAILOVER_ALARMS | ({"mirror-dead-letters"} if failover is mirrored else set())
    assert expected <= _alarm_ids(failover)
    written = {metric.title for metric in CloudWatchMetric}
    for alarm in failover.resources("AWS::CloudWatch::Alarm"):
        if alarm.properties.get("Namespace") == "QuartzDB":
            assert alarm.properties["MetricName"] in written
            assert alarm.properties["Dimensions"][0]["Value"].startswith(failover.prefix)


def test_an_operator_gets_what_two_origins_need(failover: Deployment, mirrored: Deployment) -> None:
    """Each secret that Cloudflare has to be told."""
    outputs = set(failover.outputs())
    assert {"CloudflareSecretArn", "ReportQueueUrl"} <= outputs
    assert ("ReplicationSecretArn" in outputs) == (failover is not mirrored)
    assert ("MirrorDeadLetterQueueUrl" in outputs) == (failover is mirrored)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"quartzdb:cloudflare_domain": "https://db.example.com"}, "a host name in lower case"),
        ({"quartzdb:primary_origin": "azure"}, "one of aws, cloudflare"),
        ({"quartzdb:cloudflare_secret_version": "v"}, "belong to a cloudflare_domain"),
        (
            {"quartzdb:cloudflare_domain": "db.example.com", "quartzdb:cloudflare_peer": "contract"},
            "goes with the cloudflare_peer `contract`",
        ),
        (
            {
                "quartzdb:cloudflare_domain": "db.example.com",
                "quartzdb:cloudflare_api_key_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:k",
            },
            "goes with the cloudflare_peer `contract`",
        ),
        (
            {"quartzdb:cloudflare_domain": "db.example.com", "quartzdb:cloudflare_api_key_arn": "qdb_live_x"},
            "the ARN of a secret",
        ),
    ],
)
def test_a_mistake_in_two_origins_is_told(context: dict[str, object], message: str) -> None:
    """Before anything is made."""
    with pytest.raises(InvalidSetting, match=message):
        read_settings(context)


def test_bodies_of_mirrored_writes_are_read_by_the_replicator_alone(mirrored: Deployment) -> None:
    """And those that it gave up by whoever is tagged for it; no administrator comes by them by the way."""
    denied = {}
    for policy in mirrored.resources("AWS::SQS::QueuePolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement.get("Sid") == "NobodyElseReadsBodies":
                assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
                assert set(statement["Action"]) == {"sqs:ReceiveMessage", "sqs:StartMessageMoveTask"}
                denied[policy.properties["Queues"][0]["Ref"]] = statement["Condition"]
    role = mirrored.function("replicator").properties["Role"]["Fn::GetAtt"][0]
    queues = {
        one.id: one.properties for one in mirrored.resources("AWS::SQS::Queue") if "FailoverMirror" in one.id
    }
    (mirror,) = [name for name, queue in queues.items() if "RedrivePolicy" in queue]
    (dead,) = queues.keys() - {mirror}
    assert denied == {
        mirror: {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": [role, "Arn"]}}},
        dead: {"StringNotEquals": {"aws:PrincipalTag/quartzdb-reads-dead-letters": "yes"}},
    }


def test_what_decides_and_what_replicates_cannot_be_starved(
    two_origins: Deployment, mirrored: Deployment
) -> None:
    """In production each has its own executions: as many as can be under way, and no more."""
    for name in ("health_probe", "replicator"):
        assert mirrored.function(name).properties["ReservedConcurrentExecutions"] == 2
        assert "ReservedConcurrentExecutions" not in two_origins.function(name).properties
