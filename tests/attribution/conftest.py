import torch

torch.set_num_threads(1)  # the models are small, and test runs share their machine
