"""A node mines on an OpenCL or CUDA device, PoCL's processor included; another without one runs its units again."""
import re
import subprocess

from framework import BIN, expect_equal, main


def daidd(*arguments):
    """(exit code, output, errors) of a daidd that ends by itself."""
    done = subprocess.run([BIN / "daidd", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=120)
    return done.returncode, done.stdout, done.stderr


def device_lines():
    code, output, errors = daidd("-device=help")
    expect_equal((code, errors), (0, ""))
    return output


def first_device():
    """(id, name as the node shows it) of a device that passed its self-test, or None."""
    found = re.search(r"^((?:opencl|cuda):\d+): (.*), .*, .*, \d+ MiB\n  self-test: passed$", device_lines(), re.M)
    return found and (found[1], found[2])


def is_listed_as_the_model_tool_lists_them(_):
    done = subprocess.run([BIN / "dai-model", "devices"], capture_output=True, text=True, check=True, timeout=120)
    expect_equal(device_lines(), done.stdout)


def wrong_devices_are_refused(network):
    for device, message in (("gpu", "unknown device 'gpu' (known: opencl:N, cuda:N)"),
                            ("opencl:999", "opencl:999: there is no OpenCL device 999"),
                            ("cuda:999", "cuda:999: there is no CUDA device 999")):
        code, _, errors = daidd("-regtest", f"-datadir={network.directory / 'refused'}", "-rpcport=0", "-port=0",
                                f"-device={device}")
        assert (code, errors.startswith(f"Error: -device: {message}")) == (1, True), errors
    code, _, errors = daidd("-regtest", "-device=")
    expect_equal((code, errors), (1, "Error: -device: must not be empty\n"))


def mines_what_others_run_again(network):
    device = first_device()
    if device is None:
        print("skipped: no device passed its self-test here")
        return
    miner = network.add(f"-device={device[0]}")
    judge = network.add()
    network.connect(miner, judge)
    shown = miner.getmininginfo()["device"]
    assert shown.startswith(f"{device[0]} ("), shown
    expect_equal(judge.getmininginfo()["device"], None)
    miner.createwallet("w")
    blocks = miner.generatetoaddress(3, miner.getnewaddress())
    network.sync()
    for block in blocks:
        verdict = judge.verifyseal(block)
        expect_equal((verdict["seal_valid"], verdict["rerun"]), (True, "identical"))
    info = miner.getmininginfo()
    expect_equal((info["device"], info["blocks_found"], info["warnings"]), (shown, 3, []))


if __name__ == "__main__":
    main(is_listed_as_the_model_tool_lists_them, wrong_devices_are_refused, mines_what_others_run_again)
