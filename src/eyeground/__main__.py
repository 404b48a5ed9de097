"""`python -m eyeground` is the command line too."""

from eyeground.cli import run

if __name__ == "__main__":
    run()
