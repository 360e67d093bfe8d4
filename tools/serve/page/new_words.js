/* The words of new runs. */
import { learn } from "./words.js";

learn({
  en: {
    net: "Net", "net-text": "The net: Tenon's text, or prototxt", "net-known": "built in", "net-model": "of a model", paste: "pasted text",
    "begin-with": "Begin with the numbers of", random: "none: random numbers", "fine-why": "Its net is taken, and its numbers; the last layer gets the classes of your pictures. Only prepare samples.",
    "init-why": "Parameters of the same name and shape begin as they are there.", "no-models": "There is no model yet: a run with a checkpoint is one.",
    "which-pictures": "Pictures", known: "known", "which-folder": "One subfolder a class, or train and val", device: "Device", queue: "Wait in the queue until the device is free", takes: "What it takes",
    parameters: "Parameters", activations: "Activations", gradients: "Gradients", optimizer: "Optimizer", arithmetic: "Arithmetic, a step", fits: "Fits", yes: "yes", no: "no", "largest-batch": "Largest batch that fits",
    "more-settings": "More settings", "sweep-why": "A list with commas in the recipe makes a run of each, one after the other.", "runs-queued": "runs, each in the queue", "begun-some": "Begun:", "too-many-runs": "More than 64 runs: fewer values, please.",
    schedule: "How the rate moves", "of-pictures": "Of prototxt: inputs and pixels", "every-epoch": "epoch", "from-run": "As", "use-batch": "take it",
  },
  zh: {
    net: "网络", "net-text": "网络：Tenon 文本或 prototxt", "net-known": "内置", "net-model": "来自模型", paste: "粘贴文本",
    "begin-with": "起始参数来自", random: "无：随机数", "fine-why": "使用它的网络和参数；最后一层换成你的图片的类别。只需准备样本。",
    "init-why": "名称和形状相同的参数从那里开始。", "no-models": "还没有模型：有检查点的训练就是模型。",
    "which-pictures": "图片", known: "已有", "which-folder": "每个类别一个子文件夹，或 train 和 val", device: "设备", queue: "排队，等设备空闲", takes: "所需资源",
    parameters: "参数", activations: "激活", gradients: "梯度", optimizer: "优化器", arithmetic: "每步计算量", fits: "放得下", yes: "是", no: "否", "largest-batch": "放得下的最大批",
    "more-settings": "更多设置", "sweep-why": "配方中用逗号分隔的列表会逐个产生一次训练。", "runs-queued": "次训练，全部排队", "begun-some": "已开始：", "too-many-runs": "超过 64 次训练：请减少取值。",
    schedule: "学习率变化", "of-pictures": "prototxt 的输入与像素", "every-epoch": "轮", "from-run": "如同", "use-batch": "采用",
  },
});
