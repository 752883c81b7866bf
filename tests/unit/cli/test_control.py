from ragflow.api.people import user_name


def test_a_run_is_paused_and_resumed_from_another_process(project):
    process = project.start_waiting()
    told = project.type("pause").out
    assert told == (
        "run 1 of chain pauses: what is at work is finished, nothing new begins; "
        "`ragflow resume 1` lets it go on\n"
    )
    project.until(lambda: project.ask("run", "show", "1")["state"] == "paused", process)
    project.open_gate()
    project.until(lambda: "at work" not in project.type("show", "1").out, process)
    shown = project.type("show", "1").lines
    assert shown[0].startswith("run 1 of chain: paused for ")
    assert any(line.startswith(f"held by     process {process.pid} on ") for line in shown)
    assert any(line.startswith("since       ") for line in shown)
    assert "go on       `ragflow resume 1`" in shown
    assert not project.has_stored
    assert project.type("resume").out == f"run 1 of chain goes on in process {process.pid}\n"
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert project.has_stored
    assert out.startswith("run 1 of chain: succeeded in ")
    assert "note: the run is paused" in err


def test_a_run_is_cancelled_from_another_process_and_taken_up_where_it_was(project):
    process = project.start_waiting()
    told = project.type("cancel", "1").out
    assert told.startswith("run 1 of chain is cancelled: what is at work is finished")
    assert project.refused("pause", "1") == [
        "error: run 1 is being cancelled",
        "hint: wait for its end, and take it up then",
    ]
    assert project.refused("resume", "1")[0] == "error: run 1 is being cancelled"
    project.until(lambda: project.ask("run", "show", "1")["state"] == "cancelling", process)
    project.open_gate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == (
        f"run 1 was cancelled by {user_name()}; what was done is kept, "
        "and `ragflow resume 1` goes on from there"
    )
    assert not project.has_stored
    assert project.refused("cancel", "1")[0] == "error: run 1 is over: it was cancelled"
    taken_up = project.ask("run", "resume")
    assert (taken_up["run"], taken_up["state"]) == (1, "succeeded")
    called = {name: (task["ran"], task["memoized"]) for name, task in taken_up["tasks"].items()}
    assert called == {"fetch": (0, 1), "wait": (0, 1), "store": (1, 0)}
    assert project.has_stored  # so the parameters, the gate among them, were those of the run


def test_a_run_whose_process_was_killed_can_be_taken_up_and_nothing_else(project):
    process = project.start_waiting()
    shown = project.type("show", "1").lines
    assert shown[0].startswith("run 1 of chain: running for ")
    assert [line.split()[0] for line in shown if line.startswith(("at work", "wait"))] == [
        "at",
        "wait",
    ]
    assert project.ask("run", "show", "1")["held_by"]["pid"] == process.pid
    assert project.refused("resume", "1") == [
        "error: run 1 is at work: there is nothing to take up",
        "hint: `ragflow show 1` says how far it is",
    ]
    process.kill()
    process.wait()
    for command in ("pause", "cancel"):
        assert project.refused(command, "1") == [
            "error: run 1 was cut off: its process ended before it did",
            "hint: `ragflow resume 1` takes it up",
        ]
        assert project.refused(command)[0] == "error: nothing is running"
    shown = project.type("show", "1").lines
    assert shown[0] == "run 1 of chain: cut off"
    assert "go on       `ragflow resume 1`" in shown
    assert any(line.startswith("wait ") for line in shown)
    assert project.type("runs").lines[1].split()[2:4] == ["cut", "off"]
    project.open_gate()
    done = project.type("resume")
    assert done.out.startswith("run 1 of chain: succeeded in ")
    assert "run 1 of chain is taken up" in done.err
    assert project.has_stored


def test_a_paused_run_is_described_by_resume_as_by_show(project):
    process = project.start_waiting()
    project.type("pause")
    resumed = project.ask("run", "resume")
    assert (resumed["run"], resumed["held_by"]["pid"]) == (1, process.pid)


def test_what_succeeded_is_not_taken_up(project):
    project.type("run", "chain")
    assert project.refused("resume", "1") == [
        "error: run 1 succeeded: there is nothing to take up",
        "hint: begin a new run: it does only what is left to do",
    ]
    assert project.refused("resume")[0].startswith("error: no run can be taken up")
    assert project.refused("cancel", "1")[0] == "error: run 1 is over: it succeeded"


def test_a_run_is_not_taken_up_by_itself_once_its_instance_succeeded_otherwise(project):
    project.type("run", "chain", "-p", "fail=true", code=1)
    project.type("run", "chain")
    assert project.refused("resume", code=2)[0].startswith("error: no run can be taken up")
    assert project.refused("resume", "1", code=1)[0] == (
        "error: the step 'store' failed: ValueError: no room"
    )
    assert len(project.ask("runs", "runs")["runs"]) == 2


def test_a_run_that_is_not_there_cannot_be_asked_anything(project):
    for command in ("resume", "pause", "cancel", "logs", "show"):
        assert project.refused(command, "7") == [
            "error: there is no run 7",
            "hint: nothing has run yet",
        ]
    assert project.refused("pause") == [
        "error: nothing is running",
        "hint: `ragflow runs` lists what ran",
    ]
