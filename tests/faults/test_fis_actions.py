"""Each of the fifty FIS actions can be linted, planned and described to FIS; several in one experiment too."""

from collections.abc import Iterator
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.errors import CouldNotStart
from gameday.faults.catalogue import Action, actions, target_parameters
from gameday.faults.check import check_fault
from gameday.faults.fis import FisFault, FisSettings, template
from gameday.faults.preview import preview
from gameday.faults.targets import TAGS_ONLY
from gameday.model.scenario import FaultStep
from gameday.model.service import Resources, Service, Technology
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Order, Outline

ODD = {"duration": "2m", "maxDuration": "2m", "durationBeforeInterruption": "2m", "preventExecution": True}
TAGS = {"role": "copied"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = Aws(REHEARSAL_ENVIRONMENT, f"http://{host}:{port}")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="copied", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_bucket_tagging(Bucket="copied", Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in TAGS.items()]})
    yield aws
    aws.close()
    server.stop()


def resource(action: Action) -> list[Technology]:
    """A made-up resource of the type that the action takes: by tags where nothing else goes, a pod by nothing."""
    found = []
    for kind in action.targets.values():
        how: dict[str, Any] = {"arn": f"arn:aws:x:eu-west-2:123456789012:{kind.rpartition(':')[2]}/x-1"}
        if action.id in TAGS_ONLY:
            how = {"tags": TAGS}
        elif kind == "aws:eks:pod":
            how = {}
        found.append(Technology(id=kind.replace(":", "-"), type=kind, **how))
    return found


def part(action: Action) -> dict[str, Any]:
    """The action with all that it must be given, as a scenario writes it."""
    must = {name for kind in action.targets.values() for name, required in target_parameters(kind).items() if required}
    keys: dict[str, Any] = {"action": action.id}
    if action.targets:
        keys["targets"] = tuple(t.id for t in resource(action))
    if must:
        keys["target_parameters"] = {name: "x" for name in sorted(must)}
    if action.required:
        keys["parameters"] = {name: ODD.get(name, "1") for name in sorted(action.required)}
    if not action.one_shot and action.ends_by not in action.required and action.ends_by:
        keys.setdefault("parameters", {})[action.ends_by] = "2m"
    return keys


def service(*technology: Technology) -> Service:
    return Service(kind="service", id="s", title="S", resources=Resources(technology=technology))


def order(settings: FisSettings, outline: Outline, duration_ms: int | None = None) -> Order:
    return Order("r1", "break", "r1-break", outline.action, settings.model_dump(mode="json"), outline.targets,
                 duration_ms, REHEARSAL_ENVIRONMENT, tags=outline.tags)  # fmt: skip


@pytest.mark.parametrize("ident", sorted(actions()))
def test_each_action_lints_plans_and_makes_a_template(ident: str, aws: Aws) -> None:
    action = actions()[ident]
    keys, targets = part(action), resource(action)
    step = FaultStep.model_validate({"fault": "fis", **keys})
    ends = action.one_shot or action.ends_by
    problems = check_fault(service(*targets), step)
    assert [p.code for p in problems] == ([] if ends else ["FAULT_ENDLESS"]), problems
    settings = FisSettings.model_validate(keys)
    found = FisFault(aws).outline("break", settings, targets, REHEARSAL_ENVIRONMENT)
    assert found.one_shot or found.duration_ms == 120_000 or not ends
    assert found.action_minutes == (1 if found.one_shot else 2) or not ends
    made = template(order(settings, found))
    (sent,) = made["actions"].values()
    assert sent["actionId"] == ident and action.required <= sent["parameters"].keys()
    assert sent.get("targets", {}).keys() == action.targets.keys()
    for key, name in sent.get("targets", {}).items():
        target = made["targets"][name]
        assert target["resourceType"] == action.targets[key]
        assert {"resourceArns", "resourceTags", "parameters"} & target.keys()
    sent_to_aws(made)


def sent_to_aws(request: dict[str, Any]) -> None:
    """botocore's own model of the request takes it."""
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("fis").operation_model("CreateExperimentTemplate")
    report = ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_a_pod_is_found_by_parameters_and_what_it_must_have_is_named() -> None:
    pod = Technology(id="pod", type="aws:eks:pod")
    keys = {"action": "aws:eks:pod-delete", "targets": ("pod",), "parameters": {"kubernetesServiceAccount": "x"}}
    found = check_fault(service(pod), FaultStep.model_validate({"fault": "fis", **keys}))
    missing = {p.message.split("'")[1] for p in found if p.code == "MISSING_KEY"}
    assert missing == {"clusterIdentifier", "namespace", "selectorType", "selectorValue"}
    wrong = {**keys, "target_parameters": dict.fromkeys(missing, "x") | {"colour": "red"}}
    found = check_fault(service(pod), FaultStep.model_validate({"fault": "fis", **wrong}))
    assert [(p.code, p.message.split(":")[0]) for p in found] == [("UNKNOWN_KEY", "target_parameters.colour")]


INSTANCE = Technology(id="web", type="aws:ec2:instance", name="i-1")
FUNCTION = Technology(id="pay", type="aws:lambda:function", name="pay")
BOTH: dict[str, Any] = {
    "actions": (
        {"id": "calm", "action": "aws:fis:wait", "parameters": {"duration": "3m"}},
        {
            "id": "break", "action": "aws:lambda:invocation-error", "targets": ("pay",), "start_after": ("calm",),
            "parameters": {"duration": "5m", "preventExecution": True}, "selection": "PERCENT(50)",
            "filters": ({"path": "State.Name", "values": ("running",)},),
        },
        {
            "id": "stop", "action": "aws:ec2:stop-instances", "targets": ("web",), "start_after": ("calm",),
            "parameters": {"startInstancesAfterDuration": "2m"},
        },
    ),
}  # fmt: skip


def outlined(keys: dict[str, Any], *targets: Technology, aws: Aws | None = None) -> tuple[FisSettings, Outline]:
    settings = FisSettings.model_validate(keys)
    fault = FisFault(aws or Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1"))
    return settings, fault.outline("break", settings, targets, REHEARSAL_ENVIRONMENT)


def test_several_actions_last_along_start_after_and_cost_each_their_own_minutes() -> None:
    settings, found = outlined(BOTH, FUNCTION, INSTANCE)
    assert check_fault(service(FUNCTION, INSTANCE), FaultStep.model_validate({"fault": "fis", **BOTH})) == []
    assert found.duration_ms == 8 * 60_000
    assert found.action_minutes == 3 + 5 + 2
    assert found.actions == ("aws:fis:wait", "aws:lambda:invocation-error", "aws:ec2:stop-instances")
    assert sorted(found.targets) == ["break-Functions", "stop-Instances"]
    assert found.effective is None and not found.takes_duration, "two break something: neither shows the other"
    made = template(order(settings, found, 60_000))
    sent_to_aws(made)
    assert made["actions"]["break"]["startAfter"] == ["calm"]
    assert made["actions"]["break"]["targets"] == {"Functions": "break-Functions"}
    assert made["actions"]["break"]["parameters"]["duration"] == "PT5M", "for ends the whole, not each"
    assert made["targets"]["break-Functions"]["selectionMode"] == "PERCENT(50)"
    assert made["targets"]["break-Functions"]["filters"] == [{"path": "State.Name", "values": ["running"]}]
    assert FisSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_the_one_action_of_several_that_breaks_something_is_witnessed() -> None:
    _, found = outlined({"actions": BOTH["actions"][:2]}, FUNCTION)
    assert str(found.effective) == "break-witness at least 1"


def chain(count: int, after: bool) -> dict[str, Any]:
    return {"actions": tuple(
        {"id": f"a{i}", "action": "aws:fis:wait", "parameters": {"duration": "1m"},
         "start_after": (f"a{i - 1}",) if after and i else ()} for i in range(count)
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (chain(21, after=True), "TOO_MANY_ACTIONS"),
        (chain(11, after=False), "TOO_MANY_ACTIONS"),
        ({"actions": ({**BOTH["actions"][0], "start_after": ("calm",)},)}, "CYCLE"),
        ({"actions": ({**BOTH["actions"][0], "start_after": ("nobody",)},)}, "UNKNOWN_STEP"),
        ({"actions": (BOTH["actions"][0], BOTH["actions"][0])}, "DUPLICATE_ID"),
    ],
)
def test_what_fis_cannot_run_in_this_order_is_refused_by_lint_and_plan(keys: dict[str, Any], code: str) -> None:
    found = check_fault(service(), FaultStep.model_validate({"fault": "fis", **keys}))
    assert [p.code for p in found] == [code] and all(p.message.startswith("actions") for p in found)
    with pytest.raises(CouldNotStart, match=code):
        outlined(keys)


def test_as_many_as_fis_runs_are_taken() -> None:
    assert outlined(chain(20, after=True))[1].duration_ms == 20 * 60_000
    assert outlined(chain(10, after=False))[1].duration_ms == 60_000


@pytest.mark.parametrize(
    "keys",
    [{}, {"action": "aws:fis:wait", **BOTH}, {"targets": ("web",), **BOTH}, {"actions": ()}, {**BOTH, "logs": {}}],
)
def test_a_step_has_one_action_or_several(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        FisSettings.model_validate(keys)


def tagged_instance(aws: Aws, role: str) -> str:
    ec2 = aws.client("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "role", "Value": role}]}]
    image = ec2.register_image(Name=f"image-{role}")["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"]
    return str(made[0]["InstanceId"])


def test_tags_are_sent_as_tags_and_a_set_that_changed_since_the_plan_is_refused(aws: Aws) -> None:
    tagged_instance(aws, "many")
    many = Technology(id="web", type="aws:ec2:instance", tags={"role": "many"})
    keys = {"action": "aws:ec2:stop-instances", "targets": ("web",), "selection": "COUNT(1)"}
    settings, found = outlined(keys, many, aws=aws)
    assert found.tags == {"Instances": {"role": "many"}}
    given = order(settings, found, 60_000)
    target = template(given)["targets"]["Instances"]
    assert target == {
        "resourceType": "aws:ec2:instance", "selectionMode": "COUNT(1)", "resourceTags": {"role": "many"}
    }  # fmt: skip
    assert "TARGETS_CHANGED" not in {p.code for p in preview(aws, given)}
    tagged_instance(aws, "many")
    assert "TARGETS_CHANGED" in {p.code for p in preview(aws, given)}


def test_more_than_five_are_no_problem_by_tags(aws: Aws) -> None:
    for _ in range(6):
        tagged_instance(aws, "six")
    six = Technology(id="web", type="aws:ec2:instance", tags={"role": "six"})
    _, found = outlined({"action": "aws:ec2:stop-instances", "targets": ("web",)}, six, aws=aws)
    assert len(found.targets["Instances"]) == 6
    with pytest.raises(CouldNotStart, match="TOO_MANY_TARGETS"):
        both = {"action": "aws:ec2:stop-instances", "targets": ("web", "other")}
        outlined(both, six, INSTANCE.model_copy(update={"id": "other"}), aws=aws)


@pytest.mark.parametrize("ident", ["aws:s3:bucket-pause-replication", "aws:eks:inject-kubernetes-custom-resource"])
def test_what_fis_takes_in_one_form_alone_is_refused_in_another(ident: str) -> None:
    action = actions()[ident]
    (kind,) = action.targets.values()
    targets = [Technology(id=f"t{i}", type=kind, name=f"t{i}") for i in range(2)]
    with pytest.raises(CouldNotStart, match="TARGET_FORM"):
        outlined({**part(action), "targets": ("t0", "t1")}, *targets)


def test_logs_and_report_are_asked_for_where_the_step_says() -> None:
    keys = {
        "action": "aws:fis:wait", "parameters": {"duration": "1m"},
        "logs": {"s3": {"bucket": "exhibits", "prefix": "fis"}, "cloudwatch": {"group": "/fis"}},
        "report": {"s3": {"bucket": "exhibits"}, "dashboards": ("arn:aws:cloudwatch::1:dashboard/d",), "before": "5m"},
    }  # fmt: skip
    settings, found = outlined(keys)
    made = template(order(settings, found))
    sent_to_aws(made)
    assert made["logConfiguration"] == {
        "logSchemaVersion": 2,
        "s3Configuration": {"bucketName": "exhibits", "prefix": "fis"},
        "cloudWatchLogsConfiguration": {"logGroupArn": "arn:aws:logs:eu-west-2:123456789012:log-group:/fis:*"},
    }
    assert made["experimentReportConfiguration"] == {
        "outputs": {"s3Configuration": {"bucketName": "exhibits"}},
        "preExperimentDuration": "PT5M", "postExperimentDuration": "PT20M",
        "dataSources": {"cloudWatchDashboards": [{"dashboardIdentifier": "arn:aws:cloudwatch::1:dashboard/d"}]},
    }  # fmt: skip
    assert FisSettings.model_validate(settings.model_dump(mode="json")) == settings
