"""Personal data: detectors that find it, and masks that replace it. In: texts of a trajectory. Out: faults, and
trajectories with masks such as ``[EMAIL_1]``. Not promised: that everything is found; patterns find forms such as
addresses, not names.
"""
